"""What sound is, everywhere in the daemon."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float32]
"""Audio: float32 [samples, channels], nominal range -1..1."""
