"""A voice that is fed while it plays: a take that is being generated."""

from __future__ import annotations

import threading
from collections import deque
from time import monotonic
from typing import Final

import numpy as np

from mula_daemon.audio.samples import Samples

_NAP_SECONDS: Final = 0.01


class StreamVoice:
    """Blocks in, sound out, in order. One thread writes; the feeder reads; see each method.

    Sound begins ``margin`` seconds after the first block came, as silence that is no gap: so
    blocks that come exactly in real time, however long they are, may each be that much late.
    """

    def __init__(self, rate: int, *, margin: float = 0.0) -> None:
        self.rate = rate
        self.written = 0
        """Frames fed so far; the writer's."""
        self.taken = 0
        """Frames read so far; the feeder's."""
        self.placed: tuple[int, int] | None = None
        """Number of a frame, and perf_counter_ns when it is heard: of the newest read. Any
        thread."""
        self._margin = round(margin * rate)
        self._blocks: deque[Samples] = deque()
        self._finished = threading.Event()
        self._retired = False

    # --- the writer's thread ------------------------------------------------------------------

    def write(self, samples: Samples) -> None:
        """Feed the next frames, float32 [n, 2]; the array must not change any more.

        They are dropped once it is finished or retired.
        """
        if not self._finished.is_set() and not self._retired and len(samples):
            self._blocks.append(samples)
            self.written += len(samples)

    def wait_below(self, frames: int, patience: float) -> bool:
        """Wait until at most so many frames are queued; False when nothing was read for
        ``patience`` seconds. Does not wait once it is finished or retired."""
        taken, moved = self.taken, monotonic()
        while self.queued > frames:
            if self._finished.wait(_NAP_SECONDS):
                break
            if self.taken != taken:
                taken, moved = self.taken, monotonic()
            elif monotonic() - moved > patience:
                return False
        return True

    # --- any thread ---------------------------------------------------------------------------

    def finish(self) -> None:
        """Feed no more: it ends with what was written, and a writer that waits goes on."""
        self._finished.set()

    @property
    def queued(self) -> int:
        """Frames that wait to be read."""
        return self.written - self.taken

    @property
    def ended(self) -> bool:
        """Whether everything was read, or it was retired."""
        return (self._finished.is_set() and not self.queued) or self._retired

    def retire(self) -> None:
        """Drop what is queued and all that is still to be written."""
        self._retired = True
        self._finished.set()
        self._blocks.clear()

    def heard_ns(self, frame: int) -> int | None:
        """perf_counter_ns at which ``frame`` is or was heard, as far as is known; else None."""
        if self.placed is None:
            return None
        known, at_ns = self.placed
        return at_ns + (frame - known) * 1_000_000_000 // self.rate

    # --- the feeder's thread ------------------------------------------------------------------

    def read(self, frames: int, at_ns: int) -> Samples:
        """As every voice."""
        parts: list[Samples] = []
        left = frames
        if self._margin and not self.taken:
            silent = min(left, self._margin) if self._blocks else left
            if self._blocks:
                self._margin -= silent
            parts.append(np.zeros((silent, 2), np.float32))
            left -= silent
        if left and self._blocks:
            self.placed = self.taken, at_ns + (frames - left) * 1_000_000_000 // self.rate
        parts += self._take(left)
        if len(parts) == 1:
            return parts[0]
        return np.concatenate(parts) if parts else np.empty((0, 2), np.float32)

    def skip(self, frames: int) -> int:
        """Drop the next frames unheard; how many there were."""
        return sum(map(len, self._take(frames)))

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
