"""A product of few rows with int8 weights, for NVIDIA cards, in Triton.

With two rows there is nothing to compute: what counts is that every weight is read once, in long
runs, by enough programs. Each takes `COLUMNS` columns and walks along the whole depth; the rows
fill a tile of the matrix units, most of it with zeros. Block sizes are fixed, not tuned at run
time, so that sums are added in the same order every time and codes can be made again.

Import fails where Triton is not installed.
"""

# mypy: disable-error-code="untyped-decorator, no-untyped-def, no-untyped-call"
from typing import Any, Final

import torch
import triton
import triton.language as tl
from torch import Tensor

ROWS: Final = 16
COLUMNS: Final = 16
DEPTH: Final = 256
STAGES: Final = 4
"""Tiles on their way at a time: 16 KiB a program, which hides the latency of memory."""


@triton.jit
def _few_rows(
    x_ptr,
    levels_ptr,
    scales_ptr,
    out_ptr,
    rows,
    columns,
    depth: tl.constexpr,
    height: tl.constexpr,
    width: tl.constexpr,
    length: tl.constexpr,
):
    column = tl.program_id(0) * width + tl.arange(0, width)
    row = tl.arange(0, height)
    step = tl.arange(0, length)
    sums = tl.zeros((height, width), dtype=tl.float32)
    for start in range(0, depth, length):
        here = start + step
        x = tl.load(
            x_ptr + row[:, None] * depth + here[None, :],
            mask=(row[:, None] < rows) & (here[None, :] < depth),
            other=0.0,
        )
        levels = tl.load(
            levels_ptr + column[None, :] * depth + here[:, None],
            mask=(column[None, :] < columns) & (here[:, None] < depth),
            other=0,
        )
        sums = tl.dot(x, levels.to(x.dtype), sums)  # levels are exact in bfloat16
    scales = tl.load(scales_ptr + column, mask=column < columns, other=0.0)
    tl.store(
        out_ptr + row[:, None] * columns + column[None, :],
        (sums * scales[None, :]).to(out_ptr.dtype.element_ty),
        mask=(row[:, None] < rows) & (column[None, :] < columns),
    )


def few_rows(x: Tensor, levels: Tensor, scales: Tensor) -> Tensor:
    """x [R, in], R <= 16, int8 ``levels`` [out, in], ``scales`` [out] -> [R, out], x's type."""
    rows, depth = x.shape
    columns = len(levels)
    out = torch.empty(rows, columns, dtype=x.dtype, device=x.device)
    launch: Any = _few_rows[(triton.cdiv(columns, COLUMNS),)]
    launch(
        x.contiguous(),
        levels,
        scales,
        out,
        rows,
        columns,
        depth,
        height=ROWS,
        width=COLUMNS,
        length=DEPTH,
        num_warps=4,
        num_stages=STAGES,
    )
    return out
