"""Products for NVIDIA cards.

Written without one at hand: the arithmetic is tested on the CPU, the kernel in Triton's
interpreter, and nobody has run either on a card yet.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import cache

import torch
from torch import Tensor

from mula_daemon.engine.lm.precision import Precision
from mula_daemon.engine.lm.products.dense import DenseProduct, Product
from mula_daemon.engine.lm.products.quantise import quantise_int4, quantise_int8

GROUP = 64  # weights that share a scale in int4
K_TILES = 8  # of 16 weights, that int4's layout keeps together
FEW = 16  # rows that one tile of the card's matrix units takes

Kernel = Callable[[Tensor, Tensor, Tensor], Tensor]
"""x [R, in], int8 levels [out, in], scales [out] -> [R, out], for up to `FEW` rows."""

log = logging.getLogger(__name__)


def pack(weight: Tensor, precision: Precision, device: torch.device) -> Product:
    """As `products.pack`. ``weight`` is quantised on the card."""
    columns, depth = weight.shape
    if precision is Precision.INT4 and depth % (16 * K_TILES) == 0 and columns % 8 == 0:
        return CudaInt4Product(weight.to(device))
    if precision in (Precision.INT8, Precision.INT4) and depth % 16 == 0:
        return CudaInt8Product(weight.to(device), few_rows_kernel())
    return DenseProduct(weight.to(device, precision.arithmetic(device)).t())


@cache
def few_rows_kernel() -> Kernel | None:
    """Ours, where Triton is installed, as it is with torch for NVIDIA cards on Linux."""
    try:
        from mula_daemon.engine.lm.products.int8_kernel import few_rows
    except ImportError:
        log.warning(
            "int8 weights take less memory here but more time than bfloat16: there is no Triton. "
            "On Windows, the package triton-windows has it"
        )
        return None
    return few_rows


class CudaInt8Product(Product):
    """A scale for every column; inputs and sums as they are. Half of bfloat16's bytes.

    Without ``kernel``, and for the many rows of a prefill, the weights are widened first.
    """

    kind = "int8"

    def __init__(self, weight: Tensor, kernel: Kernel | None) -> None:
        self.levels, self.scales = quantise_int8(weight)
        self.nbytes = self.levels.nbytes + self.scales.nbytes
        self._kernel = kernel

    def __call__(self, x: Tensor) -> Tensor:
        if self._kernel is not None and len(x) <= FEW:
            return self._kernel(x, self.levels, self.scales)
        # Levels are exact in bfloat16; scaling the sums is exacter than scaling the weights.
        out = torch.mm(x, self.levels.to(x.dtype).t())
        return (out * self.scales).to(x.dtype)


class CudaInt4Product(Product):
    """16 levels for each group of weights, on torch's own kernel ("tinygemm"; bfloat16)."""

    kind = "int4"

    def __init__(self, weight: Tensor) -> None:
        levels, scales = quantise_int4(weight, GROUP)
        pairs = (levels[:, ::2] << 4 | levels[:, 1::2]).to(torch.uint8)  # [out, in / 2]
        self._packed = torch.ops.aten._convert_weight_to_int4pack(pairs.contiguous(), K_TILES)
        self._scales = scales.bfloat16()
        self.nbytes = self._packed.nbytes + self._scales.nbytes

    def __call__(self, x: Tensor) -> Tensor:
        out: Tensor = torch.ops.aten._weight_int4pack_mm(
            x.contiguous(), self._packed, GROUP, self._scales
        )
        return out
