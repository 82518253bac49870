"""Products with constant matrices, each in the form that is quickest for a few rows.

A frame reads every weight of the backbone once and of the local decoder seven times, for two
rows: memory bandwidth is the limit, and the layout of the weights decides how near one gets.
Engine process only.
"""

from __future__ import annotations

import torch
from torch import Tensor

from mula_daemon.engine.lm.precision import Precision
from mula_daemon.engine.lm.products import cuda
from mula_daemon.engine.lm.products.cuda import KernelProduct
from mula_daemon.engine.lm.products.dense import DenseProduct, Product

__all__ = ["KernelProduct", "Product", "pack"]

CACHED = 2**18
"""Matrices of up to so many weights stay in a core's cache, where the plain product is quicker."""


def pack(weight: Tensor, precision: Precision, device: torch.device) -> Product:
    """The product ``x -> x @ weight.T`` for ``weight`` [out, in] of any float type.

    ==========  =======================================  ====================================
    precision   CPU                                      CUDA
    ==========  =======================================  ====================================
    float32     oneDNN's blocked layout                  plain
    bfloat16    float16 in FBGEMM's layout, float32 sums our kernel, bfloat16
    int8        our kernel, inputs rounded to 15 bits    our kernel, inputs stay bfloat16
    int4        group-wise, inputs bfloat16              our kernel, group-wise
    ==========  =======================================  ====================================

    Where a kernel is missing (another processor, sizes that it cannot do), the next finer
    precision is used: `Product.kind` says which it became. MPS has the plain products only.
    Without our int8 kernel a CPU takes FBGEMM's, or QNNPACK's, with inputs of 7 or 8 bits.
    """
    if device.type == "cpu":
        from mula_daemon.engine.lm.products import cpu

        if weight.numel() > CACHED or precision is not Precision.FLOAT32:
            return cpu.pack(weight, precision)
    elif device.type == "cuda":
        return cuda.pack(weight, precision, device)
    return DenseProduct(weight.to(device, precision.arithmetic(device)).t())
