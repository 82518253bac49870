"""How exactly a GPU convolves. Engine process only."""

from contextlib import AbstractContextManager

import torch


def full_precision() -> AbstractContextManager[None]:
    """Float32 convolutions that are float32 on every device; process-wide while it is open.

    By default cuDNN rounds their inputs to 10 bits (TF32), which is heard like bfloat16.
    """
    flags: AbstractContextManager[None] = torch.backends.cudnn.flags(enabled=True, allow_tf32=False)
    return flags
