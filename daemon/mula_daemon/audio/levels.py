"""How loud something is, peak and loudness, and a gain that glides."""

from __future__ import annotations

import math
import threading
from typing import Final

import numpy as np

from mula_daemon.audio.samples import Samples

SILENT_DB: Final = -60.0
"""The bottom of every gain, which is off rather than faint."""
GLIDE_SECONDS: Final = 0.02
"""From silence to 0 dB."""
SILENCE_DBFS: Final = -120.0
"""What meters show for digital silence."""
_BLOCK_SECONDS: Final = 0.4
"""The gating block of ITU-R BS.1770."""
_SHORTEST_SECONDS: Final = 0.02
"""Below this the filters have not settled and a loudness means nothing."""
_IMPORTING: Final = threading.Lock()


def to_dbfs(peak: float) -> float | None:
    """A linear peak >= 0 in dB relative to full scale; None for digital silence."""
    return 20.0 * math.log10(peak) if peak > 0.0 else None


def to_gain(decibels: float) -> float:
    """Decibels as a linear factor."""
    return float(10.0 ** (decibels / 20.0))


class Gain:
    """A gain in dB, -60 and below being off, that reaches another value without a click.

    ``decibels`` is for any thread to set, the rest for one.
    """

    def __init__(self, decibels: float = 0.0) -> None:
        self.decibels = decibels
        self._factor = self._target

    @property
    def _target(self) -> float:
        return to_gain(self.decibels) if self.decibels > SILENT_DB else 0.0

    def applied(self, sound: Samples, rate: int) -> Samples:
        """The next ``sound`` [n, channels] at ``rate`` Hz, with it; at 0 dB that is itself."""
        start, target = self._factor, self._target
        if start == target:
            return sound if target == 1.0 else sound * np.float32(target)
        most = len(sound) / (GLIDE_SECONDS * rate)
        self._factor = start + max(-most, min(most, target - start))
        envelope = np.linspace(start, self._factor, len(sound), dtype=np.float32)
        return sound * envelope[:, np.newaxis]


def loudness_lufs(samples: Samples, sample_rate: int) -> float | None:
    """Integrated loudness (ITU-R BS.1770-4) of ``samples`` [n, channels], up to 5 channels.

    A clip shorter than one gating block is measured as one ungated block of its own
    length. None when there is nothing to measure: silence, or too short to tell. Takes
    about 2.5 ms for each second of stereo. Any thread.
    """
    with _IMPORTING:  # two threads that import scipy at once may see half of it
        import pyloudnorm

    seconds = len(samples) / sample_rate
    if seconds < _SHORTEST_SECONDS or not samples.any():
        return None
    # A hair under the clip's own length, lest rounding makes the block the longer one.
    block = min(_BLOCK_SECONDS, (len(samples) - 0.5) / sample_rate)
    meter = pyloudnorm.Meter(sample_rate, block_size=block)
    with np.errstate(divide="ignore"):  # silent blocks are minus infinity, and gated away
        loudness = float(meter.integrated_loudness(samples))
    return loudness if math.isfinite(loudness) else None


def preload() -> None:
    """Import what ``loudness_lufs`` needs (about a second), so that no clip waits for it.

    Any thread, also while another one measures.
    """
    loudness_lufs(np.full((4800, 2), 0.1, np.float32), 48000)
