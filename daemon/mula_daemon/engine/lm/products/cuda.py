"""Products for NVIDIA cards: our kernels where they serve, else what torch has.

Written without one at hand: the arithmetic is tested on the CPU, the kernels in Triton's
interpreter, and nobody has run either on a card yet.
"""

from __future__ import annotations

import torch
from torch import Tensor

from mula_daemon.engine.lm import kernels
from mula_daemon.engine.lm.kernels import GROUP, Weights, pack_int4, product
from mula_daemon.engine.lm.precision import Precision
from mula_daemon.engine.lm.products.dense import DenseProduct, Product
from mula_daemon.engine.lm.products.quantise import quantise_int4, quantise_int8

K_TILES = 8  # of 16 weights, that the layout of torch's int4 keeps together
MANY = 64
"""Rows beyond which weights are widened once, not in each of our kernel's 16 rows."""


def pack(weight: Tensor, precision: Precision, device: torch.device) -> Product:
    """As `products.pack`. ``weight`` is quantised on the card."""
    columns, depth = weight.shape
    weight = weight.to(device)
    small = precision in (Precision.INT8, Precision.INT4)
    if precision is not Precision.FLOAT32 and kernels.serve(device):
        return KernelProduct(*_levels(weight, precision, precision.arithmetic(device)))
    if precision is Precision.INT4 and depth % (16 * K_TILES) == 0 and columns % 8 == 0:
        return CudaInt4Product(weight)
    if small and depth % 16 == 0:
        return CudaInt8Product(weight)
    return DenseProduct(weight.to(precision.arithmetic(device)).t())


def _levels(weight: Tensor, precision: Precision, dtype: torch.dtype) -> tuple[str, Weights]:
    """What became of ``precision``, and the weights in the form of our kernels."""
    depth = weight.shape[1]
    if precision is Precision.INT4 and depth % GROUP == 0:
        levels, scales = quantise_int4(weight, GROUP)
        return "int4", pack_int4(levels, scales.to(dtype))
    if precision in (Precision.INT8, Precision.INT4):
        return "int8", Weights(*quantise_int8(weight), depth)
    kind = str(dtype).removeprefix("torch.")
    return kind, Weights(weight.to(dtype).contiguous(), None, depth)


class KernelProduct(Product):
    """On our kernel, `kernels.product`; prefill's many rows on torch's.

    ``weights`` are there for `kernels.Steps`, which does more than products.
    """

    def __init__(self, kind: str, weights: Weights) -> None:
        self.kind = kind
        self.weights = weights
        self.nbytes = weights.nbytes

    def __call__(self, x: Tensor) -> Tensor:
        return self._few(x) if len(x) <= MANY else torch.mm(x, self._matrix(x))

    def wide(self, x: Tensor) -> Tensor:
        if len(x) <= MANY:
            return self._few(x, dtype=torch.float32)
        return torch.mm(x, self._matrix(x), out_dtype=torch.float32)

    def into(self, out: Tensor, x: Tensor) -> None:
        if len(x) <= MANY:
            self._few(x, out=out)
        else:
            torch.mm(x, self._matrix(x), out=out)

    def add(self, total: Tensor, x: Tensor) -> Tensor:
        if len(x) <= MANY:
            return self._few(x, out=total, added=True)
        return total.addmm_(x, self._matrix(x))

    def _few(
        self,
        x: Tensor,
        out: Tensor | None = None,
        dtype: torch.dtype | None = None,
        added: bool = False,
    ) -> Tensor:
        return product(x, self.weights, out=out, dtype=dtype, added=added)

    def _matrix(self, x: Tensor) -> Tensor:
        return self.weights.widened(x.dtype).t()


class CudaInt8Product(Product):
    """A scale for every column; inputs and sums as they are. Half of bfloat16's bytes, but widened
    at every call: for machines without our kernels."""

    kind = "int8"

    def __init__(self, weight: Tensor) -> None:
        self.levels, self.scales = quantise_int8(weight)
        self.nbytes = self.levels.nbytes + self.scales.nbytes

    def __call__(self, x: Tensor) -> Tensor:
        # Levels are exact in bfloat16; scaling the sums is exacter than scaling the weights.
        out = torch.mm(x, self.levels.to(x.dtype).t())
        return (out * self.scales).to(x.dtype)


class CudaInt4Product(Product):
    """16 levels for each group of weights, on torch's own kernel ("tinygemm"; bfloat16): for
    machines without ours."""

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
