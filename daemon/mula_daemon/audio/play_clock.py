"""When a frame is heard, from what the audio callback noted. Pure."""

from __future__ import annotations

from collections import deque
from typing import Final

from mula_daemon.audio.samples import SECOND_NS

_WINDOW: Final = 64
"""Buffers remembered: a third of a second to three seconds, so that drift is followed."""


class PlayClock:
    """Frame numbers to perf_counter_ns at ``rate`` Hz. One thread.

    A callback may run late, never early: the earliest of the last buffers tells best when
    frames are heard. So a late callback moves nothing, and a drift of the interface's clock
    against the system's is followed within the window.
    """

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._offsets: deque[int] = deque(maxlen=_WINDOW)
        self._offset: int | None = None
        self._last = -1

    def note(self, frame: int, heard_ns: int) -> None:
        """Frame ``frame`` was handed over to be heard at ``heard_ns``; the same again is
        nothing new."""
        if frame == self._last:
            return
        self._last = frame
        self._offsets.append(heard_ns - frame * SECOND_NS // self._rate)
        self._offset = min(self._offsets)

    def restart(self) -> None:
        """Forget what was: there is a gap, after which every frame is later."""
        self._offsets.clear()
        self._last = -1

    def heard_ns(self, frame: int) -> int:
        """When ``frame`` is heard. Raises RuntimeError before the first note."""
        if self._offset is None:
            raise RuntimeError("nothing has been played yet")
        return self._offset + frame * SECOND_NS // self._rate
