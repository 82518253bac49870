"""Where each sixteenth begins, in samples."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Final

SLOWEST_BPM: Final = 40.0
FASTEST_BPM: Final = 240.0
SIXTEENTHS_PER_BEAT: Final = 4


class Grid:
    """The sixteenths of a tempo: frame f covers samples start(f) to start(f + 1).

    Exact fractions, so that no tempo drifts: after any number of frames the
    error is below half a sample. Immutable; any thread.

    Raises:
        ValueError: ``bpm`` is not within 40..240, or ``sample_rate`` below 8000 Hz.
    """

    def __init__(self, bpm: float, sample_rate: int) -> None:
        if not (math.isfinite(bpm) and SLOWEST_BPM <= bpm <= FASTEST_BPM):
            raise ValueError(f"bpm must be {SLOWEST_BPM:g} to {FASTEST_BPM:g}, not {bpm}")
        if sample_rate < 8000:
            raise ValueError(f"the sample rate must be 8000 Hz or more, not {sample_rate}")
        self._rate = sample_rate
        self._length = Fraction(sample_rate) * 60 / Fraction(bpm) / SIXTEENTHS_PER_BEAT
        self._frame, self._sample = 0, 0

    def start(self, frame: int) -> int:
        """The first sample of ``frame``; also the length of that many frames."""
        return self._sample + round((frame - self._frame) * self._length)

    def at_tempo(self, bpm: float, frame: int) -> Grid:
        """The grid that leaves this one at ``frame`` for another tempo."""
        grid = Grid(bpm, self._rate)
        grid._frame, grid._sample = frame, self.start(frame)
        return grid

    @property
    def sixteenth(self) -> float:
        """The length of a sixteenth in samples, unrounded."""
        return float(self._length)
