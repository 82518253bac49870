"""How what the host knows comes to the device, without the host waiting for it.

Engine process only.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor


def sent(host: Tensor, device: torch.device) -> Tensor:
    """``host`` on ``device``, there for what is queued next on the current stream.

    A copy from pageable memory would wait for all that is queued there. Torch keeps pinned memory
    from being used again before the copy is done (its host allocator notes the stream:
    ATen/native/cuda/Copy.cu). None of this may be recorded: a replay would read memory that has
    been given up.
    """
    if device.type != "cuda" or host.device.type != "cpu":
        return host.to(device)
    return host.pin_memory().to(device, non_blocking=True)


def uploaded(
    values: Sequence[object] | npt.NDArray[np.generic],
    device: torch.device,
    dtype: torch.dtype = torch.int64,
) -> Tensor:
    """A copy of ``values`` on ``device``, `sent` there."""
    return sent(torch.tensor(values, dtype=dtype), device)
