"""Filters that stand still: designed once, then remembered."""

from __future__ import annotations

import functools
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.signal import butter

Sections = NDArray[np.float64]
"""Second-order sections ``[s, 6]``."""


@functools.cache
def butterworth(
    order: int, hertz: float, side: Literal["lowpass", "highpass"], sample_rate: int
) -> Sections:
    """A Butterworth filter, flat where it passes, with its corner at ``hertz``."""
    sections: Sections = butter(order, hertz, side, fs=sample_rate, output="sos")
    return sections
