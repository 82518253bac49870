"""The layers of a stack on our kernels: a step of a few rows in five launches a layer."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from mula_daemon.engine.lm.kernels.attention import mix
from mula_daemon.engine.lm.kernels.few_rows import Weights, product
from mula_daemon.engine.lm.kernels.norm import unit


class Steps:
    """``layers`` have four matrices each: queries, keys and values; what follows attention; gate
    and up; down. ``floor`` is that of `StaticStack.unit`."""

    def __init__(self, layers: Sequence[Sequence[Weights]], floor: Tensor) -> None:
        self._layers = layers
        self._floor = floor

    def run(
        self,
        x: Tensor,
        caches: Tensor,
        turns: Tensor,
        slot: Tensor,
        extent: int,
        bias: Tensor | None = None,
        new: int = 1,
    ) -> Tensor:
        """``new`` positions of every row: [R * new, D] -> the same, scaled to length 1.

        ``caches`` [layers, B, 2, slots, H] are `StackState.pairs`; for the rest see `mix`.
        Overwrites ``x``.
        """
        for (qkv, out, gate_up, down), pairs in zip(self._layers, caches, strict=True):
            fresh = product(x, qkv, floor=self._floor)
            mixed = mix(fresh, turns, pairs, slot, extent, bias, new)
            product(mixed, out, out=x, added=True)
            active = product(x, gate_up, floor=self._floor, gated=True)
            product(active, down, out=x, added=True)
        return unit(x, self._floor)
