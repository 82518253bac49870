"""How far two sounds are apart for an ear: the distance of their log-mel spectrograms.

Mel scale of O'Shaughnessy (1987); triangular filters, power spectra, Hann windows.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from mula_daemon.audio import Samples

WINDOW: Final = 2048
HOP: Final = 512
BANDS: Final = 80
FLOOR_DB: Final = 80.0
"""What lies this far below the louder sound's loudest band is silence."""

Floats = NDArray[np.float64]


def log_mel_distance_db(one: Samples, other: Samples, sample_rate: int) -> float:
    """Mean absolute difference in dB over bands and time; both [S, channels], S >= 2048."""
    if one.shape != other.shape or len(one) < WINDOW:
        raise ValueError(f"{one.shape} and {other.shape} cannot be compared")
    bands = filters(sample_rate)
    powers = [power(sound.mean(axis=1), bands) for sound in (one, other)]
    floor = max(float(each.max()) for each in powers) * 10 ** (-FLOOR_DB / 10) or 1e-12
    mine, theirs = (10 * np.log10(np.maximum(each, floor)) for each in powers)
    return float(np.abs(mine - theirs).mean())


def power(sound: NDArray[np.floating], bands: Floats) -> Floats:
    """[windows, BANDS] of mono ``sound`` [S]."""
    frames = np.lib.stride_tricks.sliding_window_view(sound, WINDOW)[::HOP]
    spectrum = np.abs(np.fft.rfft(frames * np.hanning(WINDOW), axis=1)) ** 2
    result: Floats = spectrum @ bands
    return result


def filters(sample_rate: int) -> Floats:
    """[WINDOW / 2 + 1, BANDS]: triangles, evenly spread in mel from 20 Hz to half the rate."""
    frequencies = np.fft.rfftfreq(WINDOW, 1 / sample_rate)
    low, high = (2595 * np.log10(1 + hertz / 700) for hertz in (20.0, sample_rate / 2))
    corners = 700 * (10 ** (np.linspace(low, high, BANDS + 2) / 2595) - 1)
    rise = (frequencies[:, None] - corners[:-2]) / (corners[1:-1] - corners[:-2])
    fall = (corners[2:] - frequencies[:, None]) / (corners[2:] - corners[1:-1])
    triangles: Floats = np.clip(np.minimum(rise, fall), 0.0, None)
    return triangles
