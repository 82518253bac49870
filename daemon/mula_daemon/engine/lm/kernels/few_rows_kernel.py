"""The kernel of `few_rows`. Import fails where Triton is not installed."""

# mypy: disable-error-code="untyped-decorator, no-untyped-def, no-untyped-call"
from __future__ import annotations

import triton
import triton.language as tl


@triton.jit
def few_rows(
    x_ptr,
    weight_ptr,
    scales_ptr,
    floor_ptr,
    out_ptr,
    rows,
    columns,
    depth: tl.constexpr,
    form: tl.constexpr,
    normed: tl.constexpr,
    gated: tl.constexpr,
    added: tl.constexpr,
    height: tl.constexpr,
    width: tl.constexpr,
    length: tl.constexpr,
    lanes: tl.constexpr,
):
    """``out`` [rows, columns] of ``x`` [rows, depth]; see `few_rows.product`."""
    row = tl.program_id(0) * height + tl.arange(0, height)
    spot = tl.arange(0, width)
    if gated:  # columns of gates and ups in turns, to be told apart at the end
        asked = tl.program_id(1) * (width // 2) + spot // 2
        known = (asked < columns)[None, :]
        column = asked + spot % 2 * columns
    else:
        column = tl.program_id(1) * width + spot
        known = (column < columns)[None, :]
    step = tl.arange(0, length)
    held = (row < rows)[:, None]
    squares = tl.zeros((height, length), dtype=tl.float32)
    sums = tl.zeros((height, width), dtype=tl.float32)
    x_ptr += row[:, None] * depth
    if form == 2:
        words: tl.constexpr = (depth + lanes * length - 1) // (lanes * length) * length
        all_columns = columns * 2 if gated else columns
        weight_ptr += column[None, :].to(tl.int64) * words
        scales_ptr += 2 * column[None, :]
        # A level in the last bits of a number whose unit is 1: no conversion, and exact.
        magic: tl.constexpr = 0x4300 if x_ptr.dtype.element_ty == tl.bfloat16 else 0x6400
        middle: tl.constexpr = 136.0 if x_ptr.dtype.element_ty == tl.bfloat16 else 1032.0
        ones = tl.full((length, width), 1.0, dtype=x_ptr.dtype.element_ty)
        for start in range(0, words, length):
            here = start + step
            word = tl.load(weight_ptr + here[:, None], mask=known, other=0)
            for lane in tl.static_range(lanes):
                group = start // length * lanes + lane
                inside = group * length + step[None, :]
                x = tl.load(x_ptr + inside, mask=held & (inside < depth), other=0.0)
                if normed:
                    squares += x.to(tl.float32) * x.to(tl.float32)
                bits = ((word >> (4 * lane)) & 15) | magic
                levels = bits.to(tl.int16).to(x.dtype, bitcast=True) - middle
                part = tl.dot(x, levels, input_precision="ieee")
                scales = scales_ptr + 2 * group * all_columns
                sums += part * tl.load(scales, mask=known, other=0.0).to(tl.float32)
                total = tl.dot(x, ones, input_precision="ieee")
                sums += total * tl.load(scales + 1, mask=known, other=0.0).to(tl.float32)
    else:
        weight_ptr += column[None, :].to(tl.int64) * depth
        for start in range(0, depth, length):
            here = start + step
            x = tl.load(x_ptr + here[None, :], mask=held & (here[None, :] < depth), other=0.0)
            if normed:
                squares += x.to(tl.float32) * x.to(tl.float32)
            weight = tl.load(
                weight_ptr + here[:, None], mask=known & (here[:, None] < depth), other=0
            )
            sums = tl.dot(x, weight.to(x.dtype), sums, input_precision="ieee")
        if form == 1:
            sums *= tl.load(scales_ptr + column[None, :], mask=known, other=0.0)
    if normed:
        floor = tl.load(floor_ptr)
        sums /= tl.sqrt(tl.sum(squares, axis=1) + floor * floor)[:, None]
    if gated:
        gate, up = tl.split(tl.reshape(sums, (height, width // 2, 2)))
        sums = gate * tl.sigmoid(gate) * up
        out_column = tl.program_id(1) * (width // 2) + tl.arange(0, width // 2)
    else:
        out_column = column
    at = out_ptr + row[:, None] * columns + out_column[None, :]
    held &= (out_column < columns)[None, :]
    if added:
        sums += tl.load(at, mask=held, other=0.0).to(tl.float32)
    tl.store(at, sums.to(out_ptr.dtype.element_ty), mask=held)
