"""What tests of MIDI ports share: a made-up controller on JACK, and who takes the commands."""

from __future__ import annotations

import os
import select
import subprocess
import sys
import threading
from collections.abc import Callable
from time import monotonic, sleep
from typing import Any, Self

from mula_bridge.control.messages.commands import Command, QueryDump
from mula_bridge.control.messages.origin import Origin
from mula_bridge.midi.backend import REST_SECONDS

AGAIN = b"again\n"
"""What a controller's process is told to take its ports away and bring them back."""
READY = b"ready\n"
"""The first line of a controller's process."""


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
    """A controller with knobs and lights, as a JACK client of its own: ``Box:knobs``.

    In a process of its own too, as a foreign one is: JACK 1.9 can hang for ever when a client
    leaves while the machine is busy, and with it whoever shares its interpreter.
    """

    def __init__(self, name: str = "Box", program: str = __file__) -> None:
        self._process = subprocess.Popen(
            [sys.executable, program, name], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        assert self._process.stdin is not None and self._process.stdout is not None
        self._knobs, self._lights = self._process.stdin, self._process.stdout
        if self._lights.readline() != READY:
            raise RuntimeError(f"the controller did not start: status {self._process.wait()}")
        self.seen: list[bytes] = []
        """What the lights were sent so far."""
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def turn(self, *data: int) -> None:
        self._knobs.write(f"{bytes(data).hex()}\n".encode())
        self._knobs.flush()

    def turn_until(self, test: Callable[[], object], *data: int) -> None:
        """Say it until it is heard: a connection made just now may not carry the first ones."""

        def turned() -> object:
            self.turn(*data)
            sleep(0.05)
            return test()

        eventually(turned, timeout=15)

    def come_again(self) -> None:
        """Take both ports out of JACK and put them back at once; for a ``returning_box``."""
        self._knobs.write(AGAIN)
        self._knobs.flush()

    def unplug(self) -> None:
        """Leave JACK, or be killed: how JACK takes a controller's leave is not what is tested."""
        self._knobs.close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._reader.join()
        self._lights.close()

    def _read(self) -> None:
        while (line := self._lights.readline()).endswith(b"\n"):  # not so if it was killed
            self.seen.append(bytes.fromhex(line.decode()))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.unplug()


def main(name: str) -> None:
    """The controller's process: sends what it reads, and writes down what its lights are sent."""
    import rtmidi

    knobs = rtmidi.MidiOut(rtapi=rtmidi.API_UNIX_JACK, name=name)
    knobs.open_virtual_port("knobs")
    lights = rtmidi.MidiIn(rtapi=rtmidi.API_UNIX_JACK, name=f"{name} lights")
    lights.open_virtual_port("lights")
    sys.stdout.buffer.write(READY)
    sys.stdout.buffer.flush()
    rest = b""
    while True:
        if select.select([sys.stdin], [], [], 0.002)[0]:
            read = os.read(sys.stdin.fileno(), 1 << 16)
            if not read:
                break
            *whole, rest = (rest + read).split(b"\n")
            for line in whole:
                knobs.send_message(list(bytes.fromhex(line.decode())))
        while message := lights.get_message():
            sys.stdout.buffer.write(f"{bytes(message[0]).hex()}\n".encode())
            sys.stdout.buffer.flush()
    leave_jack(knobs)
    leave_jack(lights)


if __name__ == "__main__":
    main(sys.argv[1])
