"""Messages of time-tagged bundles, waiting for their moment. Pure but for the clocks given.

An OSC time tag is NTP: 32 bits of seconds since 1900 and 32 bits of fraction (OSC 1.0).
"""

from __future__ import annotations

import heapq
from itertools import count
from typing import Final

from mula_bridge.control.messages import Origin
from mula_bridge.errors import BadInput, Busy
from mula_bridge.osc.wire import IMMEDIATELY, Message

HORIZON_S: Final = 2.0
"""A sender whose clock is further ahead than this is not on our time."""
LIMIT: Final = 1024
_NTP_TO_UNIX_S: Final = 2_208_988_800


class Schedule:
    """A bounded queue by time. One thread."""

    def __init__(self) -> None:
        self._waiting: list[tuple[float, int, Message, Origin]] = []
        self._order = count()

    def keeps(self, message: Message, origin: Origin, wall: float, now: float) -> bool:
        """Whether ``message`` is kept for later; False: it is to be obeyed at once.

        ``wall`` is seconds since 1970, ``now`` the monotonic clock that ``due`` gets. Raises
        BadInput for a time too far ahead, and Busy when too many wait.
        """
        if message.time == IMMEDIATELY:
            return False
        ahead = message.time / 2**32 - _NTP_TO_UNIX_S - wall
        if ahead <= 0:
            return False
        if ahead > HORIZON_S:
            raise BadInput(
                f"the bundle's time is {ahead:.1f} s ahead; at most {HORIZON_S:g} s can wait "
                "(are both clocks right?)"
            )
        if len(self._waiting) >= LIMIT:
            raise Busy(f"{LIMIT} timed messages are waiting; this one was dropped")
        later = message._replace(time=IMMEDIATELY)
        heapq.heappush(self._waiting, (now + ahead, next(self._order), later, origin))
        return True

    def due(self, now: float) -> list[tuple[Message, Origin]]:
        """What is to be obeyed by ``now``, in the order of its time; it is taken out."""
        taken = []
        while self._waiting and self._waiting[0][0] <= now:
            _, _, message, origin = heapq.heappop(self._waiting)
            taken.append((message, origin))
        return taken

    def next_in(self, now: float) -> float | None:
        """Seconds until something is due; None when nothing waits."""
        return max(0.0, self._waiting[0][0] - now) if self._waiting else None
