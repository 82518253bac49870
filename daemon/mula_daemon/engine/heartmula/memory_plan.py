"""What of HeartMuLa fits on a card, and what is chosen. Pure; imports no torch.

All figures are arithmetic on the sizes of the published model: nobody has measured them on a card.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from itertools import product
from typing import Final

GB: Final = 10**9
CARDS_GB: Final = (4, 12, 24, 80)
"""Sizes that `mula doctor` tells about besides the card that is there."""

BYTES: Final = {"float32": 4.0, "bfloat16": 2.0, "int8": 1.02, "int4": 0.53}
"""Per weight of backbone and local decoder, the scales of groups included."""
DESKTOP: Final = 500_000_000
"""What a desktop takes of a card before anyone else."""
WORKING: Final = 1.5 * GB
"""The driver's own, what a frame and a window of the codec scribble on, and some air."""


class Placement(StrEnum):
    """Where the codec lives: on the GPU; on the GPU only after the last frame, when the caches of
    the language model have gone; or on the CPU, where it is slow."""

    GPU = "gpu"
    AFTER = "after"
    CPU = "cpu"


@dataclass(frozen=True, slots=True)
class Sizes:
    """Numbers of weights, and bytes that one row keeps for each position."""

    layers: int = 3_142_000_000
    """Backbone and local decoder: what int8 and int4 shrink."""
    tables: int = 796_000_000
    """Embeddings, projections and heads, never below two bytes."""
    flow: int = 1_450_000_000
    """The codec's transformer, which may be bfloat16."""
    convolutions: int = 110_000_000
    """The codec's waveform decoder, always float32."""
    position_bytes: int = 28 * 8 * 128 * 2 * 2


@dataclass(frozen=True, slots=True)
class Plan:
    """One way to place everything, in bytes on the GPU."""

    precision: str
    placement: Placement
    flow: str
    """Type of the codec's transformer."""
    weights: int
    cache: int
    codec: int
    budget: int

    @property
    def total(self) -> int:
        """At the fullest moment."""
        beside = self.weights + int(WORKING)
        if self.placement is Placement.AFTER:
            return beside + max(self.cache, self.codec)
        return beside + self.cache + self.codec

    @property
    def fits(self) -> bool:
        return self.total <= self.budget

    def __str__(self) -> str:
        where = {
            Placement.GPU: f"codec {self.codec / GB:.1f} GB ({self.flow} transformer)",
            Placement.AFTER: f"codec {self.codec / GB:.1f} GB after the last frame ({self.flow} "
            "transformer)",
            Placement.CPU: "codec on the CPU, slow",
        }[self.placement]
        return (
            f"{self.precision} weights {self.weights / GB:.1f} GB, cache {self.cache / GB:.1f} GB, "
            f"{where}: {self.total / GB:.1f} of {self.budget / GB:.1f} GB"
        )


def make_plan(
    budget: int,
    sizes: Sizes | None = None,
    *,
    precision: str = "",
    placement: Placement | None = None,
    rows: int = 2,
    positions: int = 2500,
) -> Plan:
    """The best plan for ``budget`` bytes of free memory, or the smallest one if none fits.

    ``precision`` and ``placement`` hold where they are given. Best means, in this order: sound
    while it generates, finer weights, a float32 codec. ``rows`` is takes x (prompts + 1).
    """
    sizes = sizes or Sizes()
    plans = list(_plans(budget, sizes, precision, placement, rows * positions))
    return next((plan for plan in plans if plan.fits), min(plans, key=lambda plan: plan.total))


def _plans(
    budget: int, sizes: Sizes, precision: str, placement: Placement | None, slots: int
) -> Iterator[Plan]:
    precisions = [precision] if precision else ["bfloat16", "int8", "int4"]
    placements = [placement] if placement else list(Placement)
    for where, name, flow in product(placements, precisions, ("float32", "bfloat16")):
        if where is Placement.CPU and flow != "float32":
            continue  # it would be slower there, and smaller nowhere
        table = 4 if name == "float32" else 2
        codec = int(sizes.flow * BYTES[flow] + sizes.convolutions * 4)
        yield Plan(
            name,
            where,
            flow,
            weights=int(sizes.layers * BYTES[name] + sizes.tables * table),
            cache=slots * sizes.position_bytes * table // 2,
            codec=0 if where is Placement.CPU else codec,
            budget=budget,
        )


def report(budget: int, plan: Plan) -> str:
    """One sentence for `mula doctor` and the start-up log."""
    if plan.fits:
        return f"HeartMuLa with {budget / GB:.0f} GB: {plan}"
    return (
        f"HeartMuLa with {budget / GB:.0f} GB: too little for the smallest plan ({plan}); it runs "
        "on the CPU, far from real time: mini is made for this machine"
    )
