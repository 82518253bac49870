"""The audio interface as the config asks for it, and what the session hears of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from mula_bridge.control.messages import AudioDevice, DeviceState, Failed
from mula_bridge.errors import Unavailable
from mula_daemon.audio import Interface, InterfaceState
from mula_daemon.settings import OFF, Config

VERDICT_S: Final = 15.0
"""For an audio interface that was asked for by name to open, or not."""


def interface_of(config: Config, post: Callable[[AudioDevice | Failed], None]) -> Interface | None:
    """The audio interface, which says through ``post`` when it comes and goes."""
    if config.audio == OFF:
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

    return Interface(config.output_settings, changed, buffer=config.audio_buffer_seconds)


def insist(interface: Interface) -> None:
    """See that the interface somebody named is there. Raises Unavailable."""
    state = interface.wait(VERDICT_S)
    if state.output is None:
        raise Unavailable(state.problem)
