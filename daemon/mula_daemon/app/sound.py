"""The audio interface as the config asks for it, and what the session hears of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Never

from mula_bridge.control import Publish
from mula_bridge.control.messages import (
    AudioDevice,
    AudioReport,
    DeviceState,
    Failed,
    Origin,
    Panic,
    Stop,
)
from mula_bridge.errors import Unavailable
from mula_daemon.audio import Interface, InterfaceState, Speaker
from mula_daemon.session import Handler
from mula_daemon.settings import Config


class Sounding(Handler[Never, AudioDevice]):
    """Hushes the speaker, and tells of its level and of the interface."""

    events = (AudioDevice,)

    def __init__(self, speaker: Speaker, publish: Publish) -> None:
        self._speaker = speaker
        self._publish = publish
        self._told: AudioReport | None = None
        self._device: AudioDevice | None = None

    def hear(self, event: AudioDevice) -> None:
        """The interface came or went."""
        self._device = event
        self._publish(event)

    def hush(self, command: Stop | Panic) -> None:
        """Fade out; at a panic, be silent at once."""
        if isinstance(command, Panic):
            self._speaker.panic()
        else:
            self._speaker.stop()

    def dump(self, origin: Origin) -> None:
        """Tell one origin which interface there is."""
        if self._device is not None:
            self._publish(self._device, to=origin)

    def settle(self) -> None:
        """Say how loud it is, and what was missed, if that has changed."""
        report = self._speaker.stats()
        if report != self._told:
            self._told = report
            self._publish(report)


VERDICT_S: Final = 25.0
"""For an audio interface that was asked for by name to open, or not; one that hangs is told of
by then."""


def interface_of(config: Config, post: Callable[[AudioDevice | Failed], None]) -> Interface | None:
    """The audio interface, which says through ``post`` when it comes and goes."""
    settings = config.output_settings
    if settings is None:
        return None
    name = ""

    def changed(state: InterfaceState) -> None:
        nonlocal name
        output = state.output
        if output is not None:
            name = output.name
            latency = round(1000 * state.latency, 1)
            post(AudioDevice(DeviceState.OPEN, str(output), output.rate, latency))
            return
        lost = DeviceState.LOST if name else DeviceState.MISSING
        post(AudioDevice(lost, name, detail=state.problem))
        post(Failed("", "audio", f"playing is off: {state.problem}"))

    return Interface(settings, changed, buffer=config.audio_buffer_seconds)


def insist(interface: Interface) -> None:
    """See that the interface somebody named is there. Raises Unavailable."""
    state = interface.wait(VERDICT_S)
    if state.output is None:
        raise Unavailable(state.problem)
