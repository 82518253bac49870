"""Numbers of the host on their way to the device, without the host waiting for it.

A copy from ordinary memory holds the host up until its stream comes to it; one from pinned memory
only queues. Torch keeps pinned memory from being used again before the copy is done (its host
allocator notes the stream: ATen/native/cuda/Copy.cu). Engine process only.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor


def uploaded(
    values: Sequence[object] | npt.NDArray[np.generic],
    device: torch.device,
    dtype: torch.dtype = torch.int64,
) -> Tensor:
    """A copy of ``values`` on ``device``, there for what is queued next on the current stream."""
    if device.type != "cuda":
        return torch.tensor(values, dtype=dtype, device=device)
    return torch.tensor(values, dtype=dtype, pin_memory=True).to(device, non_blocking=True)
