"""``mula run`` with the seams of a soak: a clock that jumps, word of each child process, and a
deck that is soon full.

Run as a program, with the arguments of ``mula run``. A line ``jump SECONDS`` on standard input
moves the wall clock, as a time server or a user does. Each child is printed as
``soak child NAME PID``.
"""

from __future__ import annotations

import datetime as calendar
import sys
import threading
import time
from multiprocessing.process import BaseProcess
from typing import Any, Final

CHILD: Final = "soak child"
JUMP: Final = "jump"
DECK_BYTES: Final = 16 << 20
"""For clips that the deck keeps in memory: full in minutes, so that no leak hides in what is
only being filled."""


class WallClock:
    """The time of day with an offset, in place of time.time and datetime.now."""

    def __init__(self) -> None:
        self.offset_s = 0.0

    def install(self) -> None:
        """Replace the real ones, for whatever is imported from now on."""
        clock, true_time, true_now = self, time.time, calendar.datetime.now

        class Jumping(calendar.datetime):
            """A datetime whose now has moved."""

            @classmethod
            def now(cls, tz: calendar.tzinfo | None = None) -> Any:
                """The moved time of day."""
                return true_now(tz) + calendar.timedelta(seconds=clock.offset_s)

        time.time = lambda: true_time() + clock.offset_s
        calendar.datetime = Jumping  # type: ignore[misc]

    def obey_input(self) -> None:
        """Jump whenever standard input says so. A thread of its own."""
        for line in sys.stdin:
            word, _, seconds = line.partition(" ")
            if word == JUMP:
                self.offset_s += float(seconds)


def tell_children() -> None:
    """Print the name and process id of each child when it begins."""
    begin = BaseProcess.start

    def told(self: BaseProcess) -> None:
        begin(self)
        print(f"{CHILD} {self.name} {self.pid}", flush=True)

    BaseProcess.start = told  # type: ignore[method-assign]


def main() -> int:
    """Run the daemon under these seams."""
    clock = WallClock()
    clock.install()
    tell_children()
    threading.Thread(target=clock.obey_input, daemon=True).start()
    # After the clock, which they bind at import.
    from mula_daemon.audition import Turntable
    from mula_daemon.cli import main as mula

    Turntable.memory_bytes = DECK_BYTES
    return mula(["run", *sys.argv[1:]])


if __name__ == "__main__":
    raise SystemExit(main())
