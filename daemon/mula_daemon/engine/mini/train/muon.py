"""Muon: momentum whose direction is made orthogonal, for the matrices inside the layers.

An update that moves all directions of a matrix alike learns `mini`'s material in a fraction of
AdamW's steps. Method: Jordan et al. 2024 (https://kellerjordan.github.io/posts/muon), with the
step size of Liu et al. 2025 (arXiv 2502.16982), which makes an update as large as AdamW's.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Final

import torch
from torch import Tensor, nn

MOMENTUM: Final = 0.95
ITERATIONS: Final = 4


def orthogonal(matrices: Tensor) -> Tensor:
    """[N, out, in] with all singular values brought near 1, by Newton-Schulz iteration."""
    x = matrices / (matrices.norm(dim=(-2, -1), keepdim=True) + 1e-7)
    tall = x.shape[-2] > x.shape[-1]
    x = x.mT if tall else x
    for _ in range(ITERATIONS):  # a quintic with the slope of the first source at nought
        square = x @ x.mT
        x = 3.4445 * x + (-4.7750 * square + 2.0315 * square @ square) @ x
    out: Tensor = x.mT if tall else x
    return out


class Muon:
    """Updates ``parameters``, all of them matrices [out, in]; those of one shape together."""

    def __init__(self, parameters: Iterable[nn.Parameter], decay: float) -> None:
        self._decay = decay
        self._shapes: dict[torch.Size, list[nn.Parameter]] = defaultdict(list)
        for parameter in parameters:
            self._shapes[parameter.shape].append(parameter)
        self._momenta = {
            shape: torch.zeros(len(found), *shape) for shape, found in self._shapes.items()
        }

    @torch.no_grad()
    def step(self, rate: float) -> None:
        """One update by the gradients that the parameters carry; a missing one raises."""
        for shape, parameters in self._shapes.items():
            gradients = torch.stack([_gradient(parameter) for parameter in parameters])
            momentum = self._momenta[shape].lerp_(gradients, 1 - MOMENTUM)
            update = orthogonal(gradients.lerp_(momentum, MOMENTUM))  # Nesterov's look ahead
            size = 0.2 * max(shape) ** 0.5
            for parameter, direction in zip(parameters, update, strict=True):
                parameter.mul_(1 - rate * self._decay).sub_(direction, alpha=rate * size)


def _gradient(parameter: nn.Parameter) -> Tensor:
    if parameter.grad is None:
        raise ValueError("a matrix has no gradient: call backward first")
    return parameter.grad
