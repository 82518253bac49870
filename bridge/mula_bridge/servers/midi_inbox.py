"""What waits for the MIDI thread: bounded, whatever ports, lights and hands do meanwhile."""

from __future__ import annotations

from collections.abc import Hashable
from threading import Condition
from typing import Final, Generic, TypeVar

from mula_bridge.errors import Busy
from mula_bridge.midi import MidiBacklog, Said

REPORTS: Final = 1024
"""So many different reports wait at most."""
WORDS: Final = 64
"""So many other words wait at most."""

_Report = TypeVar("_Report")
_Word = TypeVar("_Word")


class MidiInbox(Generic[_Report, _Word]):
    """Any thread puts, one takes.

    What ports said waits in a ``MidiBacklog``, and words have their place in it; beyond ``WORDS``
    of them they are refused. Of reports with one key the newest waits, in the place of the
    first; beyond ``REPORTS`` keys the oldest is dropped. The two kinds take turns.
    """

    def __init__(self) -> None:
        self._filled = Condition()
        self._backlog: MidiBacklog[_Word] = MidiBacklog()
        self._reports: dict[Hashable, _Report] = {}
        self._reports_turn = True
        self._woken = False

    def hear(self, said: Said) -> None:
        """Add what a port said."""
        with self._filled:
            self._backlog.hear(said)
            self._filled.notify()

    def report(self, key: Hashable, report: _Report) -> None:
        """Add a report, in place of an older one with that key."""
        with self._filled:
            if key not in self._reports and len(self._reports) >= REPORTS:
                del self._reports[next(iter(self._reports))]
            self._reports[key] = report
            self._filled.notify()

    def add(self, word: _Word, *, always: bool = False) -> None:
        """Add a word in its place. Raises Busy when too many wait, but ``always`` takes it."""
        with self._filled:
            if self._backlog.others >= WORDS and not always:
                raise Busy("the MIDI ports are busy; try again in a moment")
            self._backlog.add(word)
            self._filled.notify()

    def wake(self) -> None:
        """Let a ``take`` that waits, or the next one, return."""
        with self._filled:
            self._woken = True
            self._filled.notify()

    def take(self, timeout: float) -> Said | _Report | _Word | None:
        """The next item; None after ``timeout`` seconds without one, or a ``wake``."""
        with self._filled:
            if not (self._backlog or self._reports or self._woken):
                self._filled.wait(timeout)
            self._woken = False
            self._reports_turn = not self._reports_turn
            if self._reports and (self._reports_turn or not self._backlog):
                return self._reports.pop(next(iter(self._reports)))
            return self._backlog.pop() if self._backlog else None
