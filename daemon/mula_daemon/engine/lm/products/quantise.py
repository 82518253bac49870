"""Weights rounded to few levels."""

from __future__ import annotations

import torch
from torch import Tensor


def quantise_int8(weight: Tensor) -> tuple[Tensor, Tensor]:
    """[out, in] -> int8 [out, in] and float32 scales [out]: ``weight ~ levels * scale``."""
    scales = (weight.float().abs().amax(1) / 127).clamp(min=1e-12)
    levels = (weight.float() / scales[:, None]).round_().clamp_(-127, 127)
    return levels.to(torch.int8), scales


def quantise_int4(weight: Tensor, group: int) -> tuple[Tensor, Tensor]:
    """[out, in] -> levels 0..15 (int32 [out, in]), and [in / group, out, 2]: scale and middle.

    ``weight ~ (level - 8) * scale + middle``, the layout of torch's int4 products.
    """
    grouped = weight.float().reshape(len(weight), -1, group)
    low, high = grouped.aminmax(dim=2, keepdim=True)
    scale = ((high - low) / 15).clamp(min=1e-9)
    levels = ((grouped - low) / scale).round_().clamp_(0, 15)
    both = torch.cat([scale, low + 8 * scale], dim=2)  # [out, in / group, 2]
    return levels.flatten(1).to(torch.int32), both.transpose(0, 1).contiguous()
