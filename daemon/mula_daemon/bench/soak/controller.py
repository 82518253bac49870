"""A knob box on JACK for the soak, in a process of its own, as a foreign one is.

Run as a program it is a JACK client ``soak-box`` that sends every line of hex that it reads, and
says "ready" once it can. JACK can hang a client for ever; whoever runs this kills it then.
"""

from __future__ import annotations

import subprocess
import sys
from contextlib import suppress
from typing import Final

from mula_daemon.bench.child import child
from mula_daemon.bench.soak.sound_server import listed_ports

NAME: Final = "soak-box"
READY: Final = "ready\n"


class KnobBox:
    """Runs the controller, and begins another one where it died. One thread."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None

    @property
    def listed(self) -> bool:
        """Whether JACK still knows it: one that was thrown out is deaf and mute for good."""
        return any(NAME in port for port in listed_ports())

    def turn(self, *data: int) -> bool:
        """Send a MIDI message; whether the controller took it."""
        process = self._process
        if process is None or process.poll() is not None:
            self.unplug()
            process = self._process = child("soak.controller")
            return False  # the daemon has not seen its port yet
        assert process.stdin is not None
        try:
            process.stdin.write(f"{bytes(data).hex()}\n")
            process.stdin.flush()
        except OSError:
            self.unplug()
            return False
        return True

    def unplug(self) -> None:
        """End it, by force: how JACK takes a client's leave is not what is tested."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait(10)
            for stream in (process.stdin, process.stdout):
                if stream is not None:
                    with suppress(OSError):
                        stream.close()


def main() -> None:
    """The controller's process."""
    import rtmidi

    out = rtmidi.MidiOut(rtapi=rtmidi.API_UNIX_JACK, name=NAME)
    out.open_virtual_port("knobs")
    sys.stdout.write(READY)
    sys.stdout.flush()
    for line in sys.stdin:
        out.send_message(list(bytes.fromhex(line)))


if __name__ == "__main__":
    main()
