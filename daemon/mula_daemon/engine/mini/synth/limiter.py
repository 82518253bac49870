"""Keeps the peaks, also those between samples, below full scale."""

from __future__ import annotations

from typing import Final

import numpy as np

from mula_daemon.engine.mini.synth.audio import Samples, decibels

CEILING_DB: Final = -1.5
"""Dbfs that no sample passes; a little under -1 dBTP for what the estimate misses."""
RELEASE_SECONDS: Final = 0.06

_CELL: Final = 64
_FIRST_RAMP: Final = 12
_HALF_SAMPLE: Final = (0.6165, -0.1525, 0.0465, -0.0105)
"""Interpolates half-way between samples: a windowed sinc, from the middle outwards."""
_REACH: Final = len(_HALF_SAMPLE)


class Limiter:
    """Looks ahead inside the block only, so it adds no latency. One thread.

    A peak in a block's first samples, which the block before could not see
    coming, is met by a sudden drop: inside a kick's click, where it is not heard.
    """

    def __init__(self, sample_rate: int) -> None:
        self._ceiling = decibels(CEILING_DB)
        self._recovery = 1.0 - np.exp(-_CELL / (RELEASE_SECONDS * sample_rate))
        self._gain = 1.0
        self._last = np.zeros((2, 2 * _REACH - 1), np.float32)

    def render(self, block: Samples) -> Samples:
        """The next block ``[2, n]``, every sample and nearly every peak under the ceiling."""
        n = block.shape[1]
        peaks = self._peaks(block)
        if self._gain >= 0.9999 and float(peaks.max()) <= self._ceiling:
            self._gain = 1.0
            return block
        cells = -(-n // _CELL)
        padded = np.zeros(cells * _CELL, np.float32)
        padded[:n] = peaks
        loudest = padded.reshape(cells, _CELL).max(axis=1)
        needed = np.minimum(1.0, self._ceiling / np.maximum(loudest, 1e-9))
        gains = [self._gain]
        for cell in range(cells):
            # A point lies between two cells and has to serve both.
            target = min(needed[cell], needed[min(cell + 1, cells - 1)])
            recovered = gains[-1] + (1.0 - gains[-1]) * self._recovery
            gains.append(min(float(target), recovered))
        self._gain = gains[-1]
        points = np.arange(cells + 1) * _CELL
        if gains[1] < gains[0]:
            # What the last block could not see coming: down at once, not over a whole cell.
            points[1] = _FIRST_RAMP
            points, gains = np.insert(points, 2, _CELL), [gains[0], gains[1], *gains[1:]]
        gain = np.interp(np.arange(n), points, gains).astype(np.float32)
        ceiling = np.float32(self._ceiling)
        # A peak inside that first quarter of a millisecond leaves no time for a ramp.
        sudden = ceiling / max(float(peaks[:_FIRST_RAMP].max()), self._ceiling)
        np.minimum(gain[:_FIRST_RAMP], sudden, out=gain[:_FIRST_RAMP])
        limited = block * gain
        np.clip(limited, -ceiling, ceiling, out=limited)
        return limited

    def _peaks(self, block: Samples) -> Samples:
        """The larger of each sample and of the wave half a sample around it, ``[n]``."""
        peaks: Samples = np.abs(block).max(axis=0)
        if float(peaks.max()) > 0.6 * self._ceiling:
            wave = np.concatenate([self._last, block], axis=1)
            n = block.shape[1]
            between = np.zeros((2, n), np.float32)
            for distance, weight in enumerate(_HALF_SAMPLE):
                left = wave[:, _REACH - 1 - distance :][:, :n]
                right = wave[:, _REACH + distance :][:, :n]
                between += (left + right) * np.float32(weight)
            # Entry i lies before sample i - 3; the block's last three have no
            # samples yet to look ahead to.
            early = np.abs(between).max(axis=0)[_REACH - 1 :]
            np.maximum(peaks[: len(early)], early, out=peaks[: len(early)])
        self._last = block[:, -self._last.shape[1] :].copy()
        return peaks
