"""Products for CPUs, on the kernels that torch brings along, oneDNN and FBGEMM, and one of ours.

Measured at two rows on two AVX2 cores, 768 -> 8197, in milliseconds (reading the float32 matrix
takes 1.07): ``F.linear`` 3.97, ``mm`` with [in, out] 2.24, oneDNN's layout 1.11, float16 0.81,
int8 of FBGEMM 0.36. torch's own bfloat16 and weight-only int8 kernels were slower than float16.
On one of them, int8 of FBGEMM 0.50 and ours 0.28; with 8 rows 0.74 and 0.84.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any

import torch
from torch import Tensor

from mula_daemon.engine.lm.precision import Precision
from mula_daemon.engine.lm.products.dense import DenseProduct, Product
from mula_daemon.engine.lm.products.int8_cpu import Int8LlvmProduct
from mula_daemon.engine.lm.products.int8_llvm import STEP, kernel
from mula_daemon.engine.lm.products.quantise import quantise_int4, quantise_int8

GROUP = 32  # weights that share a scale in int4
TILE = 16  # int4 matrices come in so many columns


def pack(weight: Tensor, precision: Precision) -> Product:
    """As `products.pack`, falling back to finer forms where a kernel is missing."""
    known = engines()
    weight = weight.float()
    columns, depth = weight.shape
    if precision is Precision.INT4 and depth % GROUP == 0 and columns % TILE == 0:
        return CpuInt4Product(weight)
    small = precision in (Precision.INT8, Precision.INT4)
    if small and depth % STEP == 0 and (ours := kernel()) is not None:
        return Int8LlvmProduct(weight, ours)
    if small and ("fbgemm" in known or "qnnpack" in known):
        return CpuInt8Product(weight)
    if precision is not Precision.FLOAT32 and "fbgemm" in known:
        return Float16Product(weight)
    if torch.backends.mkldnn.is_available():  # type: ignore[no-untyped-call]
        return OneDnnProduct(weight)
    return DenseProduct(weight.t().contiguous())


class OneDnnProduct(Product):
    """float32 in blocks as oneDNN wants them for two rows; exact as any float32 product."""

    kind = "float32"

    def __init__(self, weight: Tensor) -> None:
        self.nbytes = weight.nbytes
        self._packed = torch.ops.mkldnn._reorder_linear_weight(weight.contiguous(), 2)

    def __call__(self, x: Tensor) -> Tensor:
        out: Tensor = torch.ops.mkldnn._linear_pointwise(x, self._packed, None, "none", [], "")
        return out


class Float16Product(Product):
    """Weights rounded to float16 (relative error below 2**-11), everything else float32."""

    kind = "float16"

    def __init__(self, weight: Tensor) -> None:
        self.nbytes = weight.numel() * 2
        with packed_by("fbgemm"):
            self._packed: Any = torch.ops.quantized.linear_prepack_fp16(weight.contiguous(), None)

    def __call__(self, x: Tensor) -> Tensor:
        out: Tensor = torch.ops.quantized.linear_dynamic_fp16(x, self._packed)
        return out


class CpuInt8Product(Product):
    """A scale for every column of weights; inputs are rounded to 7 bits on the way in, or to 8.

    All rows of a call share the scale of their inputs, so here, and only here, what a take
    sounds like depends on the takes beside it. `Int8LlvmProduct` does not have this fault.
    """

    kind = "int8"

    def __init__(self, weight: Tensor) -> None:
        self.nbytes = weight.numel()
        self._packed = fbgemm_int8(weight)
        self._seven = overflows()

    def __call__(self, x: Tensor) -> Tensor:
        out: Tensor = torch.ops.quantized.linear_dynamic(x, self._packed, self._seven)
        return out


def fbgemm_int8(weight: Tensor) -> Any:
    """``weight`` [out, in] as FBGEMM, or QNNPACK on ARM, wants it."""
    _, scales = quantise_int8(weight)
    zeros = torch.zeros(len(weight), dtype=torch.int64)
    with packed_by("fbgemm", "qnnpack"), warnings.catch_warnings():
        # FBGEMM's packing takes quantised tensors, which torch is giving up elsewhere.
        warnings.simplefilter("ignore", UserWarning)
        quantised = torch.quantize_per_channel(weight, scales, zeros, 0, torch.qint8)
        return torch.ops.quantized.linear_prepack(quantised, None)


@cache
def overflows() -> bool:
    """Whether inputs of 8 bits are too large for this processor's int8 product.

    AVX2 adds two products in 16 bits, which have no room for two of 8 bits and more; VNNI adds
    four in 32. The sum of the largest there are tells.
    """
    depth = 64
    largest = fbgemm_int8(torch.ones(32, depth))
    total = torch.ops.quantized.linear_dynamic(torch.ones(2, depth), largest, False)
    return not torch.allclose(total, torch.full_like(total, depth), rtol=0.02)


class CpuInt4Product(Product):
    """16 levels for each group of weights along a column; for machines short of memory."""

    kind = "int4"

    def __init__(self, weight: Tensor) -> None:
        levels, scales = quantise_int4(weight, GROUP)
        self._packed = torch.ops.aten._convert_weight_to_int4pack_for_cpu(levels, 2)
        self._scales = scales.bfloat16()
        self.nbytes = self._packed.nbytes + self._scales.nbytes

    def __call__(self, x: Tensor) -> Tensor:
        out: Tensor = torch.ops.aten._weight_int4pack_mm_for_cpu(
            x.bfloat16(), self._packed, GROUP, self._scales
        )
        return out.float()


def engines() -> Sequence[str]:
    """The quantised engines of this machine's torch."""
    return torch.backends.quantized.supported_engines


@contextmanager
def packed_by(*names: str) -> Iterator[None]:
    """Pack with the first of ``names`` that this machine has, whatever torch would choose."""
    before = torch.backends.quantized.engine
    torch.backends.quantized.engine = next(name for name in names if name in engines())
    try:
        yield
    finally:
        torch.backends.quantized.engine = before
