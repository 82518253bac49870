"""The product of a few rows with a constant matrix, and what stands before and behind it.

With two rows there is nothing to compute: what counts is that every weight is read once, in long
runs, by enough programs. Each takes `WIDTH` columns and walks along the whole depth, beside which
the norm before the product costs nothing: the squares are summed on the way, and the length
divides the sums at the end. Rows fill a tile of the matrix units, most of it with zeros; beyond
`HEIGHT` there are more programs, beside each other in time, so that they find the weights in the
card's cache. Block sizes are fixed, not tuned at run time: sums are added in the same order every
time, so codes can be made again.

Weights are [out, in] in one of three forms: as wide as the inputs; int8 levels, which are exact
in bfloat16, with a scale for every column; `pack_int4`'s words. Sums are float32.

Nobody has run it on a card: what is known are its results in Triton's interpreter and the machine
code that comes of it (`tests/daemon/engine/lm/kernels`).
"""

from __future__ import annotations

from typing import Final

import torch
import torch.nn.functional as F
from torch import Tensor

from mula_daemon.engine.lm.kernels.launching import launch

HEIGHT: Final = 16
"""Rows of a program, which is the least that matrix units take."""
WIDTH: Final = 32
"""Columns of a program: 8 for each of its warps, which is as few as matrix units take. With fewer
columns all warps would widen the same weights."""
WARPS: Final = 4
STAGES: Final = 4
"""Of the pipeline: up to 3 tiles, 12 to 24 KiB of weights, are on their way while one is used."""
GROUP: Final = 64
"""Weights of a column that share a scale in int4."""
LANES: Final = 4
"""Groups whose int4 levels lie in one run of words."""

PLAIN, INT8, INT4 = 0, 1, 2
FORMS: Final = {torch.int8: INT8, torch.int16: INT4}
LENGTHS: Final = {PLAIN: 128, INT8: 256, INT4: GROUP}
"""Inputs, or words, of a step: 8 KiB of weights, or 4 of int4."""


class Weights:
    """A constant matrix in one of the forms, on a card: [out, in] ``levels`` and their ``scales``.

    ``scales`` is float32 [out] for int8 and `pack_int4`'s for int4; wide weights have none. Int4
    matrices have a depth of whole groups.
    """

    def __init__(self, levels: Tensor, scales: Tensor | None, depth: int) -> None:
        self.levels = levels
        self.scales = scales
        self.columns = len(levels)
        self.depth = depth
        self.form = FORMS.get(levels.dtype, PLAIN)

    @property
    def nbytes(self) -> int:
        return self.levels.nbytes + (0 if self.scales is None else self.scales.nbytes)

    def widened(self, dtype: torch.dtype) -> Tensor:
        """[out, in] in the type of the inputs, for products of many rows."""
        if self.form == PLAIN:
            return self.levels
        assert self.scales is not None
        if self.form == INT8:
            return (self.levels * self.scales[:, None]).to(dtype)
        levels = unpack_int4(self.levels, self.depth).view(self.columns, -1, GROUP) - 8
        known = self.scales[: self.depth // GROUP].float()
        scale, middle = known.transpose(0, 1)[..., None, :].unbind(-1)  # [out, groups, 1] each
        return torch.addcmul(middle, levels, scale).flatten(1).to(dtype)


def product(
    x: Tensor,
    weights: Weights,
    *,
    out: Tensor | None = None,
    dtype: torch.dtype | None = None,
    floor: Tensor | None = None,
    gated: bool = False,
    added: bool = False,
) -> Tensor:
    """x [R, in] times ``weights`` -> [R, out], new or in ``out``, which is contiguous.

    The result is of ``dtype``, or that of ``x``. With a ``floor`` (float32, 0-d) rows are first
    scaled to length 1, less near zero, as `StaticStack.unit` does. ``gated``: the first half of
    the columns are gates for the second, and ``silu(gate) * up`` comes out [R, out / 2].
    ``added``: the product is added to what ``out`` holds. Raises ``RuntimeError`` for shapes and
    types that do not go together.
    """
    rows, columns = len(x), weights.columns // 2 if gated else weights.columns
    if out is None:
        out = torch.empty(rows, columns, dtype=dtype or x.dtype, device=x.device)
    if x.shape[1] != weights.depth or not out.is_contiguous():
        raise RuntimeError(f"{tuple(x.shape)} and {weights.depth} deep do not fit in one dimension")
    if weights.form == PLAIN and x.dtype != weights.levels.dtype:
        raise RuntimeError(f"inputs of {x.dtype} and weights of {weights.levels.dtype}")
    from mula_daemon.engine.lm.kernels.few_rows_kernel import few_rows  # needs Triton

    unused = weights.levels
    launch(
        few_rows,
        (-(-rows // HEIGHT), -(-weights.columns // WIDTH)),
        x.contiguous(),
        weights.levels,
        unused if weights.scales is None else weights.scales,
        unused if floor is None else floor,
        out,
        rows,
        columns,
        depth=weights.depth,
        form=weights.form,
        normed=floor is not None,
        gated=gated,
        added=added,
        height=HEIGHT,
        width=WIDTH,
        length=LENGTHS[weights.form],
        lanes=LANES,
        num_warps=WARPS,
        num_stages=STAGES,
    )
    return out


def pack_int4(levels: Tensor, scales: Tensor) -> Weights:
    """int4 levels 0..15 [out, in] and their scales and middles [in / 64, out, 2], packed.

    Words are int16 [out, ceil(in / 256) * 64]: word ``64 * j + i`` of a column holds at bits
    ``4 * n`` its level ``64 * (4 * j + n) + i``. So four groups lie in a run of words, and each
    is one shift away, beside inputs in a row. What fills the last run up counts nothing.
    """
    columns, depth = levels.shape
    padded = F.pad(levels, (0, -depth % (LANES * GROUP)))
    shifts = 4 * torch.arange(LANES, dtype=torch.int32, device=levels.device)[:, None]
    lanes = padded.view(columns, -1, LANES, GROUP) << shifts
    words = lanes.sum(2, dtype=torch.int32).flatten(1)  # [out, words], below 2 ** 16
    signed = torch.where(words < 2**15, words, words - 2**16).to(torch.int16)
    return Weights(signed, F.pad(scales, (0, 0, 0, 0, 0, -len(scales) % LANES)), depth)


def unpack_int4(words: Tensor, depth: int) -> Tensor:
    """What was given to `pack_int4`, as int32 [out, depth]."""
    shifts = 4 * torch.arange(LANES, dtype=torch.int32, device=words.device)[:, None]
    lanes = (words.to(torch.int32).view(len(words), -1, 1, GROUP) >> shifts) & 15
    return lanes.flatten(1)[:, :depth]
