"""How what the host knows comes to the device that decodes. Engine process only."""

import torch
from torch import Tensor


def sent(host: Tensor, device: torch.device) -> Tensor:
    """``host`` on ``device``, without waiting for what the device still has to do.

    A pageable copy would wait for all that is queued on the current stream. PyTorch keeps pinned
    memory from being used again before the copy is done (it records an event on the stream).
    """
    if device.type != "cuda" or host.device.type != "cpu":
        return host.to(device)
    return host.pin_memory().to(device, non_blocking=True)
