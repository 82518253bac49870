"""At most so many a second to each: a bounded set of token buckets. Pure; one thread."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Final

_MAX_KEYS: Final = 256


class RateLimit:
    """Allows ``per_second`` to each key, and as many at once after a second of silence.

    Time is ``time.monotonic`` seconds, given by the caller.
    """

    def __init__(self, per_second: float) -> None:
        self._per_second = per_second
        self._left: dict[Hashable, tuple[float, float]] = {}

    def allow(self, key: Hashable, now: float) -> bool:
        """Whether one more is within the limit; if so, it counts."""
        left, then = self._left.pop(key, (self._per_second, now))
        left = min(self._per_second, left + (now - then) * self._per_second)
        allowed = left >= 1
        if len(self._left) >= _MAX_KEYS:
            del self._left[next(iter(self._left))]  # the one that has been quiet longest
        self._left[key] = (left - 1 if allowed else left, now)
        return allowed
