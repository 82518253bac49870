"""The voice of live play: it keeps time, and tells the engine when its frames are due."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from time import monotonic, sleep
from typing import Final

import numpy as np

from mula_daemon.audio import SECOND_NS, Samples

_NOTHING: Final[Samples] = np.empty((0, 2), np.float32)
MOST_BLOCKS: Final = 1024
"""Frames that wait to be played: many times the lead."""
HOLD_S: Final = 0.5
_NAP_S: Final = 0.01
_UNMOVED_NS: Final = 300_000
"""A change of the time at which a sample is heard that is not worth a message."""


class LiveVoice:
    """Fed frame by frame, a little before each is heard. One thread writes, the feeder reads.

    A frame that comes too late is a gap, and what is late of it is dropped: the rest stays where
    it belongs on the beat. ``moved`` is called with the number of a sample and when it is heard
    (perf_counter_ns), at first and whenever that has changed: on the feeder's thread, but for
    ``delay``.
    """

    def __init__(self, rate: int, moved: Callable[[int, int], None]) -> None:
        self.rate = rate
        self.written = 0
        """Samples fed so far; the writer's."""
        self.taken = 0
        """Samples read so far; the feeder's."""
        self.placed: tuple[int, int] | None = None
        """Number of a sample, and perf_counter_ns when it is heard: of the newest read. Any
        thread."""
        self._moved = moved
        self._blocks: deque[Samples] = deque()
        self._finished = False
        self._retired = False
        self._late = 0
        self._said: tuple[int, int] | None = None

    def write(self, samples: Samples) -> None:
        """Feed the next ones, float32 [n, 2]; the array must not change any more.

        They are dropped once it is finished or retired. Where far too much waits because nobody
        plays it, the writer is held back for a while; then this is dropped, too.
        """
        until = monotonic() + HOLD_S
        while len(self._blocks) >= MOST_BLOCKS and not self._finished and monotonic() < until:
            sleep(_NAP_S)
        if len(self._blocks) >= MOST_BLOCKS:
            return
        if not self._finished and len(samples):
            self._blocks.append(samples)
            self.written += len(samples)

    # --- any thread ---------------------------------------------------------------------------

    def finish(self) -> None:
        """Feed no more: it ends with what was written."""
        self._finished = True

    @property
    def ended(self) -> bool:
        """Whether everything was read, or it was retired."""
        return self._retired or (self._finished and self.taken == self.written)

    def retire(self) -> None:
        """Drop what is queued and all that is still to be written."""
        self._retired = self._finished = True
        self._blocks.clear()

    def heard_ns(self, sample: int) -> int | None:
        """perf_counter_ns at which ``sample`` is or was heard, as far as is known; else None."""
        if self.placed is None:
            return None
        known, at_ns = self.placed
        return at_ns + (sample - known) * SECOND_NS // self.rate

    def delay(self, by_ns: int) -> None:
        """Let what is still to be heard be heard so much later, until it is read and known."""
        if self.placed is not None:
            sample, at_ns = self.placed
            self.placed = self._said = sample, at_ns + by_ns
            self._moved(sample, at_ns + by_ns)

    # --- the feeder's thread ------------------------------------------------------------------

    def read(self, frames: int, at_ns: int) -> Samples:
        """As every voice."""
        if self._late:
            self._late -= sum(map(len, self._take(self._late)))
        # Where the music is on the beat, whether or not it has come.
        place = self.taken + self._late
        if self._blocks:
            self.placed = self.taken, at_ns
        parts = self._take(frames)
        sound = parts[0] if len(parts) == 1 else np.concatenate([_NOTHING, *parts])
        self._late += frames - len(sound)
        self._tell(place, at_ns)
        return sound

    def _take(self, frames: int) -> list[Samples]:
        parts = []
        left = frames
        while left and self._blocks:
            try:
                block = self._blocks.popleft()
            except IndexError:  # retired this moment
                break
            parts.append(block[:left])
            if len(block) > left:
                self._blocks.appendleft(block[left:])
            left -= len(parts[-1])
        self.taken += frames - left
        return parts

    def _tell(self, sample: int, at_ns: int) -> None:
        if self._said is not None:
            known, said_ns = self._said
            expected = said_ns + (sample - known) * SECOND_NS // self.rate
            if abs(at_ns - expected) < _UNMOVED_NS:
                return
        self._said = sample, at_ns
        self._moved(sample, at_ns)
