"""Messages that wait for somebody who is slower than the ports: bounded, oldest first. Pure."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

HEARD_LIMIT: Final = 16_384
"""So many messages wait at most: a DIN cable takes sixteen seconds for them."""

_CLOCK: Final = b"\xf8"

_Item = TypeVar("_Item")


@dataclass(frozen=True, slots=True)
class Said:
    """What a port said, and when (``perf_counter_ns``)."""

    port: str
    data: bytes
    at_ns: int

    @property
    def ticks(self) -> bool:
        """Whether it is a clock's tick."""
        return self.data[:1] == _CLOCK


class MidiBacklog(Generic[_Item]):
    """Messages of ports and what else has its place between them. Not thread-safe.

    When ``limit`` messages wait, clock ticks go first, since a clock knows how to miss some; then
    the oldest message, so that of a control's values the newest is left. Other items stay:
    whoever adds them looks at ``others``.
    """

    def __init__(self, limit: int = HEARD_LIMIT) -> None:
        self._limit = limit
        self._waiting: deque[Said | _Item] = deque()
        self.others = 0
        """How many items wait that no port said."""
        self._ticks = 0
        self.dropped = 0
        """How many messages were dropped so far."""

    def __len__(self) -> int:
        return len(self._waiting)

    def hear(self, said: Said) -> None:
        """Add a message; it is never refused, but perhaps dropped."""
        if len(self._waiting) - self.others >= self._limit:
            if said.ticks:
                self.dropped += 1
                return
            if not self._drop_ticks():
                self._drop_oldest()
        self._ticks += said.ticks
        self._waiting.append(said)

    def add(self, item: _Item) -> None:
        """Add something else, in its place."""
        self.others += 1
        self._waiting.append(item)

    def pop(self) -> Said | _Item:
        """The oldest of all; raises IndexError when there is none."""
        item = self._waiting.popleft()
        if isinstance(item, Said):
            self._ticks -= item.ticks
        else:
            self.others -= 1
        return item

    def _drop_ticks(self) -> bool:
        """Drop all ticks; whether there were any."""
        ticks, self._ticks = self._ticks, 0
        if ticks:
            self._waiting = deque(x for x in self._waiting if not (isinstance(x, Said) and x.ticks))
            self.dropped += ticks
        return ticks > 0

    def _drop_oldest(self) -> None:
        for index, item in enumerate(self._waiting):
            if isinstance(item, Said):
                del self._waiting[index]
                self.dropped += 1
                return
