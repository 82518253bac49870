"""The arrays that sound travels in, and the few things done to all of them.

Inside the synthesiser a block is channel first, ``[n]`` in mono or ``[2, n]``
in stereo, because numpy works fastest along contiguous samples.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.signal import butter

Samples = NDArray[np.float32]
Sections = NDArray[np.float64]
"""A filter as second-order sections ``[s, 6]``."""

SAMPLE_RATE: Final = 48_000
"""Hz; other rates are accepted wherever ``sample_rate`` is an argument."""


def saturate(samples: Samples, drive: float) -> Samples:
    """A soft clip: unchanged in level near full scale, denser as ``drive`` grows.

    ``drive`` is the gain into tanh; 0 leaves the samples as they are.
    """
    if drive <= 0.0:
        return samples
    shaped: Samples = np.tanh(samples * np.float32(drive)) * np.float32(1.0 / np.tanh(drive))
    return shaped


def place(samples: Samples, pan: float) -> Samples:
    """Mono ``[n]`` at a position, -1 left to 1 right, as ``[2, n]`` at equal power."""
    return stereo_gains([pan]) * samples


def stereo_gains(pans: Iterable[float]) -> Samples:
    """Equal-power gains ``[2, k]`` of k positions, -1 left to 1 right; 1 in the middle."""
    angle = (np.asarray(list(pans)) + 1.0) * (np.pi / 4.0)
    gains: Samples = (np.sqrt(2.0) * np.array([np.cos(angle), np.sin(angle)])).astype(np.float32)
    return gains


def around(loop: Samples, at: int, n: int) -> Samples:
    """``n`` samples of a loop ``[..., m]`` from sample ``at`` on, over its end if need be."""
    size = loop.shape[-1]
    at %= size
    if at + n <= size:
        return loop[..., at : at + n]
    times = -(-(at + n) // size)
    return np.concatenate([loop] * times, axis=-1)[..., at : at + n]


def decibels(gain_db: float) -> float:
    """The linear gain of so many decibels."""
    return float(10.0 ** (gain_db / 20.0))


@functools.cache
def butterworth(
    order: int, hertz: float, side: Literal["lowpass", "highpass"], sample_rate: int
) -> Sections:
    """A Butterworth filter, flat where it passes, with its corner at ``hertz``."""
    sections: Sections = butter(order, hertz, side, fs=sample_rate, output="sos")
    return sections
