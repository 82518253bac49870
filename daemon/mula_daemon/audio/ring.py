"""A ring of audio between one thread that writes and one that reads."""

from __future__ import annotations

import numpy as np

from mula_daemon.engine.base import Samples


class Ring:
    """Holds up to ``capacity`` frames of float32 [frames, channels], allocated once.

    One producer thread calls ``write``; one consumer thread (the audio callback) calls
    ``read_into`` and ``skip_to``. Neither ever locks, waits or allocates sample memory:
    each side counts only its own position, which the other one merely reads, and it
    moves that position after the copy. ``fill`` may be asked from anywhere.
    """

    def __init__(self, capacity: int, channels: int) -> None:
        self.capacity = capacity
        self._frames: Samples = np.zeros((capacity, channels), np.float32)
        self.written = 0
        """Frames ever written; the producer's."""
        self.taken = 0
        """Frames ever read or skipped; the consumer's."""
        self.zeros = 0
        """Frames of silence handed out for want of audio; the consumer's."""

    @property
    def fill(self) -> int:
        """Frames waiting to be read."""
        return self.written - self.taken

    def write(self, samples: Samples) -> int:
        """Take as many frames of ``samples`` as fit; how many that were."""
        count = min(len(samples), self.capacity - self.fill)
        at = self.written % self.capacity
        first = min(count, self.capacity - at)
        self._frames[at : at + first] = samples[:first]
        self._frames[: count - first] = samples[first:count]
        self.written += count
        return count

    def read_into(self, out: Samples) -> int:
        """Fill ``out`` with what is there and then with zeros; how many frames were there."""
        count = min(len(out), self.fill)
        at = self.taken % self.capacity
        first = min(count, self.capacity - at)
        out[:first] = self._frames[at : at + first]
        out[first:count] = self._frames[: count - first]
        out[count:] = 0.0
        self.taken += count
        self.zeros += len(out) - count
        return count

    def skip_to(self, position: int) -> None:
        """Drop what was written before ``position`` (a former ``written``) and is still here."""
        self.taken = max(self.taken, position)
