"""Rotary positions: interleaved pairs, Llama-3 frequency scaling.

A head of width ``H`` is read as ``H / 2`` complex numbers ``x0 + i x1`` (neighbouring
pairs); position ``p`` turns pair ``j`` by ``p * frequency[j]`` radians. Only differences
of positions reach the attention scores, so shifting a whole sequence changes nothing.

Formula: Su et al. 2021 (arXiv 2104.09864); scaling as published with Llama 3.1.
Engine process only.
"""

import math
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor

LEAST = 1024
"""Positions of a table: a full window of the codec, and all of live play."""


@dataclass(frozen=True)
class RopeScaling:
    """How the frequencies are laid out. ``theta`` and the rest are dimensionless.

    Wavelengths are in positions: shorter than ``context / high`` stay as they are, longer
    than ``context / low`` are stretched ``factor`` times, and a linear blend lies between.
    """

    theta: float = 500_000.0
    factor: float = 32.0
    low: float = 1.0
    high: float = 4.0
    context: int = 8192


def frequencies(head_dim: int, scaling: RopeScaling) -> Tensor:
    """Radians per position for every pair, float64 [head_dim / 2]."""
    exponents = torch.arange(0, head_dim, 2, dtype=torch.float64) / head_dim
    plain = scaling.theta**-exponents
    turns = scaling.context * plain / (2 * math.pi)  # full turns within the original context
    keep = ((turns - scaling.low) / (scaling.high - scaling.low)).clamp(0.0, 1.0)
    return plain * (keep + (1.0 - keep) / scaling.factor)


def rotations(head_dim: int, positions: int, scaling: RopeScaling, device: torch.device) -> Tensor:
    """Unit complex numbers for positions ``0..positions-1``, complex64 [positions, head_dim / 2].

    Computed in float64 and rounded once. Shared between callers: never write to it.
    """
    # One table for many lengths: on a card the copy of each would wait for what is queued there.
    size = max(LEAST, 1 << (positions - 1).bit_length())
    return rotation_table(head_dim, size, scaling, device)[:positions]


@lru_cache(maxsize=32)
def rotation_table(head_dim: int, size: int, scaling: RopeScaling, device: torch.device) -> Tensor:
    """What `rotations` gives the beginning of."""
    with torch.inference_mode(False):  # a cached inference tensor would poison training
        angles = torch.outer(
            torch.arange(size, dtype=torch.float64), frequencies(head_dim, scaling)
        )
        return torch.polar(torch.ones_like(angles), angles).to(torch.complex64).to(device)


def rotate(x: Tensor, turns: Tensor) -> Tensor:
    """Turn ``x`` [..., head_dim] by ``turns`` (complex, broadcast against [..., head_dim / 2]).

    Works in float32 whatever the type of ``x``, and returns the type of ``x``.
    """
    pairs = torch.view_as_complex(x.float().reshape(*x.shape[:-1], -1, 2))
    return torch.view_as_real(pairs * turns).flatten(-2).type_as(x)
