"""What a lead is made longer by where sound keeps coming too late, whoever keeps it. Pure.

An engine knows how long its bursts take and names its delay by that. What it cannot see lies
between: a system that wakes it late, a pipe, a busy daemon.
"""

from __future__ import annotations

from typing import Final

IN_A_ROW: Final = 4
"""So many bursts that come too late one after the other: by then an engine that got slower has
said so itself."""
MOST_NS: Final = 200_000_000


class Margin:
    """Grows with sound that is late again and again; it never shrinks. One thread."""

    def __init__(self) -> None:
        self.ns = 0
        self._late: list[int] = []

    def note(self, behind_ns: int) -> bool:
        """A burst's sound came so long after it was asked for (below 0: before); whether the margin
        has grown for it."""
        if behind_ns <= 0:
            self._late.clear()
            return False
        self._late.append(behind_ns)
        if len(self._late) < IN_A_ROW or self.ns == MOST_NS:
            return False
        self.ns = min(MOST_NS, self.ns + min(self._late))
        self._late.clear()
        return True
