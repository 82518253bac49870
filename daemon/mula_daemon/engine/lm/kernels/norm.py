"""Rows scaled to length 1, for what reads them in no product of ours."""

from __future__ import annotations

import torch
from torch import Tensor

from mula_daemon.engine.lm.kernels.launching import launch, power_of_2


def unit(x: Tensor, floor: Tensor) -> Tensor:
    """[R, D] divided by ``hypot(length, floor)``, as `StaticStack.unit` does."""
    from mula_daemon.engine.lm.kernels.norm_kernel import scale  # needs Triton

    rows, depth = x.shape
    out = torch.empty_like(x)
    wide = power_of_2(depth)
    launch(scale, (rows,), x, floor, out, depth=depth, wide=wide, num_warps=4)
    return out
