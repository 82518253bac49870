"""Where a sound is near-silent for long. Pure."""

from __future__ import annotations

from typing import Final

import numpy as np

from mula_daemon.audio import Samples, to_gain

NEAR_SILENT_DBFS: Final = -60.0
"""A peak below this is silence to whoever listens."""
LONG_SHARE: Final = 0.25
"""So much of a clip is long..."""
SHORTEST_S, LONGEST_S = 1.0, 4.0
"""...but never less than the first, nor more than the second."""
_BLOCK_S: Final = 0.02


def is_near_silent(samples: Samples) -> bool:
    """Whether ``samples`` [n, channels] hold nothing that is heard."""
    return float(np.abs(samples).max(initial=0.0)) < to_gain(NEAR_SILENT_DBFS)


def long_silence(samples: Samples, rate: int) -> tuple[float, float] | None:
    """Begin and end in seconds of the longest stretch of near-silence; None where none is long.

    To a fiftieth of a second.
    """
    size = max(1, round(_BLOCK_S * rate))
    peaks = np.abs(samples).max(axis=1, initial=0.0)
    quiet = np.maximum.reduceat(peaks, range(0, len(peaks), size)) < to_gain(NEAR_SILENT_DBFS)
    edges = np.flatnonzero(np.diff(np.concatenate([[False], quiet, [False]]).astype(np.int8)))
    if not len(edges):
        return None
    begins, ends = edges[::2], edges[1::2]
    longest = int(np.argmax(ends - begins))
    seconds = len(samples) / rate
    begin, end = begins[longest] * size / rate, min(seconds, ends[longest] * size / rate)
    is_long = end - begin >= min(LONGEST_S, max(SHORTEST_S, LONG_SHARE * seconds))
    return (begin, end) if is_long else None
