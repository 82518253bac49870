"""The sound of one take in memory, from its first block on."""

from __future__ import annotations

import numpy as np

from mula_daemon.audio import Samples


class Tape:
    """Room for ``total`` frames at ``rate`` Hz, of which ``filled`` are there.

    One thread writes and closes; any thread reads. Frames that are there stay, but for a seam
    that is mended at the end, so nobody locks.
    """

    def __init__(self, rate: int, total: int) -> None:
        self.rate = rate
        self.total = total
        self.filled = 0
        self.closed = False
        """Whether nothing is to come any more."""
        self._frames: Samples = np.empty((total, 2), np.float32)

    @classmethod
    def of(cls, samples: Samples, rate: int) -> Tape:
        """A whole one, of float32 [n, channels]."""
        tape = cls(rate, len(samples))
        tape.append(samples)
        tape.close()
        return tape

    @property
    def whole(self) -> bool:
        """Whether all of it is there."""
        return self.filled == self.total

    @property
    def nbytes(self) -> int:
        """Memory it takes."""
        return self._frames.nbytes

    def append(self, samples: Samples) -> None:
        """Add float32 [n, channels]: mono for both ears, of more than two the first two."""
        end = min(self.total, self.filled + len(samples))
        self._frames[self.filled : end] = samples[: end - self.filled, :2]
        self.filled = end

    def overwrite(self, at: int, samples: Samples) -> None:
        """Put ``samples`` in the place of what is there from frame ``at`` on."""
        end = min(self.filled, at + len(samples))
        self._frames[at:end] = samples[: end - at, :2]

    def close(self) -> None:
        """Say that nothing more comes; what is missing then stays missing."""
        self.closed = True

    def frames(self, start: int, count: int) -> Samples:
        """Up to ``count`` frames [n, 2] from ``start`` that are there; not to be changed."""
        return self._frames[start : min(start + count, self.filled)]
