"""What tests of MIDI ports share: a made-up controller on JACK, and who takes the commands."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic, sleep
from typing import Any, Self

from mula_bridge.jack_leaving import REST_SECONDS
from mula_bridge.messages import Command, Origin, QueryDump


def eventually(test: Callable[[], object], timeout: float = 5.0) -> None:
    """Wait for it; fail when it does not come true."""
    end = monotonic() + timeout
    while not test():
        assert monotonic() < end, "it never happened"
        sleep(0.005)


class Commands:
    """An ``emit`` that remembers; the dump that every start asks for is left out."""

    def __init__(self) -> None:
        self.taken: list[tuple[Command, Origin]] = []
        self.error: Exception | None = None

    def __call__(self, command: Command, origin: Origin) -> None:
        if self.error is not None:
            error, self.error = self.error, None
            raise error
        if command != QueryDump():
            self.taken.append((command, origin))

    @property
    def commands(self) -> list[Command]:
        return [command for command, _ in self.taken]


def leave_jack(client: Any) -> None:
    """Close an rtmidi port when JACK has nothing to tell any more (see JackLeaving)."""
    sleep(REST_SECONDS)
    client.close_port()
    client.delete()


class MidiBox:
    """A controller with knobs and lights, as a JACK client of its own: ``Box:knobs``."""

    def __init__(self) -> None:
        import rtmidi

        self._knobs = rtmidi.MidiOut(rtapi=rtmidi.API_UNIX_JACK, name="Box")
        self._knobs.open_virtual_port("knobs")
        self._lights = rtmidi.MidiIn(rtapi=rtmidi.API_UNIX_JACK, name="Box lights")
        self._lights.open_virtual_port("lights")
        self._seen: list[bytes] = []

    @property
    def seen(self) -> list[bytes]:
        """What the lights were sent so far."""
        while message := self._lights.get_message():
            self._seen.append(bytes(message[0]))
        return self._seen

    def turn(self, *data: int) -> None:
        self._knobs.send_message(data)

    def turn_until(self, test: Callable[[], object], *data: int) -> None:
        """Say it until it is heard: a connection made just now may not carry the first ones."""

        def turned() -> object:
            self.turn(*data)
            sleep(0.05)
            return test()

        eventually(turned, timeout=15)

    def unplug(self) -> None:
        for port in (self._knobs, self._lights):
            leave_jack(port)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.unplug()
