"""How exactly a GPU computes. Engine process only."""

from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum

import torch


class Arithmetic(StrEnum):
    """How the flow transformer computes: in the type it was loaded as; in that type, but with the
    inputs of products rounded to 10 bits (TF32, on CUDA alone); or in bfloat16, on a copy."""

    LOADED = "loaded"
    TF32 = "tf32"
    BFLOAT16 = "bfloat16"


@contextmanager
def full_precision(*, tf32: bool = False) -> Iterator[None]:
    """Float32 products and convolutions that are float32 on every device, unless ``tf32``;
    process-wide while it is open.

    By default cuDNN rounds the inputs of convolutions to 10 bits (TF32), which is heard like
    bfloat16.
    """
    matmul = torch.backends.cuda.matmul
    before = matmul.allow_tf32
    matmul.allow_tf32 = tf32
    try:
        with torch.backends.cudnn.flags(enabled=True, allow_tf32=tf32):
            yield
    finally:
        matmul.allow_tf32 = before
