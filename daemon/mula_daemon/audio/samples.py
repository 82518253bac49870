"""What sound is, everywhere in the daemon, and the one check of it."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from mula_bridge.errors import MulaError

Samples = NDArray[np.float32]
"""Audio: float32 [samples, channels], nominal range -1..1."""

SECOND_NS: Final = 1_000_000_000
"""When a sample is heard is told in ``perf_counter_ns``."""


def check_block(samples: Samples, channels: int) -> float:
    """The block's peak, linear, 0 for an empty one; ``samples`` is float32 [n, channels].

    Raises MulaError for another shape or type, and for samples that are not finite:
    a clip with such a sample is broken, and a loudspeaker must never see one.
    """
    if samples.ndim != 2 or samples.shape[1] != channels or samples.dtype != np.float32:
        raise MulaError(
            f"the engine sent {samples.dtype} {list(samples.shape)} "
            f"where float32 [samples, {channels}] was announced"
        )
    if not len(samples):
        return 0.0
    # NaN goes through both max and min, infinity through one of them.
    peak = max(float(samples.max()), -float(samples.min()))
    if not np.isfinite(peak):
        raise MulaError("the engine sent samples that are not finite (NaN or infinity)")
    return peak
