"""What of HeartMuLa fits on a card, and what is chosen. Pure; imports no torch.

All figures are arithmetic on the sizes of the model; tests hold them against the tensors that its
classes allocate. How much the driver takes, nobody has measured on a card.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import product
from typing import Final

GB: Final = 10**9
CARDS_GB: Final = (4, 12, 24, 80)
"""Sizes that `mula doctor` tells about besides the card that is there."""

BYTES: Final = {"float32": 4.0, "bfloat16": 2.0, "int8": 1.01, "int4": 0.57}
"""Per weight of the backbone, the scales of columns or groups included."""
INSIDE: Final = {"int4": "int8"}
"""What the local decoder is kept in, where not in the same: see `lm.Precision.inside`."""
DESKTOP: Final = 500_000_000
"""What a desktop takes of a card before anyone else."""
WORKING: Final = 1.5 * GB
"""The driver's own, what a frame and a second of the waveform scribble on, what is recorded for
live play, and some air."""

EXTENTS: Final = (512, 1024, 2048, 4096, 8192)
"""Slots of the caches that frames are recorded on, as in `lm`."""
BUCKET: Final = 64
"""Slots come in such steps where nothing is recorded, as in `lm`."""
FRAMES_PER_SECOND: Final = 12.5
USUAL_POSITIONS: Final = 1024
"""Prompt and frames of most clips: up to a minute. Steps for them are recorded at the start."""


class Placement(StrEnum):
    """Where the codec lives: on the GPU; on the GPU only after the last frame, when the caches of
    the language model have gone; or on the CPU, where it is slow."""

    GPU = "gpu"
    AFTER = "after"
    CPU = "cpu"


@dataclass(frozen=True, slots=True)
class StackSizes:
    """What decides how much a stack of the language model remembers."""

    layers: int
    heads: int
    kv_heads: int
    head: int
    feed_forward: int

    def state(self, rows: int, slots: int, each: int) -> int:
        """Bytes of an `lm.StackState`: ``rows`` of ``slots`` positions, ``each`` bytes a number."""
        group = self.heads // self.kv_heads
        keys_and_values = self.layers * rows * self.kv_heads * 2 * slots * self.head
        scratch = rows * (
            self.kv_heads * (group + 2) * self.head + self.heads * self.head + 2 * self.feed_forward
        )
        turns = slots * (group + 2) * self.head // 2 * 8  # complex64
        return (keys_and_values + scratch) * each + turns


@dataclass(frozen=True, slots=True)
class Sizes:
    """Numbers of weights, and shapes of what grows with a job. The defaults are those of the
    published 3B."""

    backbone: int = 2_818_747_392
    decoder: int = 330_322_944
    """The local decoder, and the projection into it, twice."""
    tables: int = 796_901_376
    """Embeddings and heads, never below two bytes."""
    flow: int = 1_489_296_896
    """The codec's transformer, which may be bfloat16."""
    convolutions: int = 83_758_964
    """The codec's waveform decoder, always float32."""
    stack: StackSizes = StackSizes(28, 24, 8, 128, 8192)
    inside: StackSizes = StackSizes(3, 8, 4, 384, 8192)
    codebooks: int = 8
    window_width: int = 39_936
    """Numbers that the codec's transformer scribbles on for each latent of a row."""


@dataclass(frozen=True, slots=True)
class Demand:
    """What one job asks for: ``frames`` for each of its takes, after a prompt of ``text``
    positions; ``prompts`` is 2 to morph between two. ``rereads``: prompts are read again while it
    runs, because it follows texts or is live, into caches beside those of its frames."""

    takes: int = 1
    frames: int = 1500
    text: int = 256
    prompts: int = 1
    rereads: bool = False
    latents: int = 154
    """Of a window of the codec."""
    live: bool = False
    """Whether it has no end; ``frames`` are then those between two readings."""

    @property
    def rows(self) -> int:
        return self.takes * (self.prompts + 1)

    @property
    def read_slots(self) -> int:
        """Of the caches that its prompts are read into again."""
        return -(-(self.text + self.frames) // BUCKET) * BUCKET

    @property
    def slots(self) -> int:
        """Of the caches that its frames are recorded on."""
        return next((extent for extent in EXTENTS if extent >= self.read_slots), self.read_slots)

    def __str__(self) -> str:
        if self.live:
            return "live play"
        count = "one take" if self.takes == 1 else f"{self.takes} takes"
        seconds = self.frames / FRAMES_PER_SECOND
        length = f"{seconds / 60:.2g} minutes" if seconds >= 120 else f"{seconds:.0f} s"
        return f"{count} of {length}"


USUAL: Final = Demand()
"""What a plan is made for: one take of two minutes. Live play asks for no more; a clip that
follows texts (--texts now), and more takes, do."""
MANY: Final = Demand(takes=4)
"""What else is told of: four of them at once."""


@dataclass(frozen=True, slots=True)
class JobBytes:
    """Bytes that a job takes on the card besides the weights."""

    caches: int
    window: int
    """What the codec scribbles on for a window of all takes, where it is on the card."""

    @property
    def total(self) -> int:
        return self.caches + self.window


def needs(
    demand: Demand,
    sizes: Sizes,
    precision: str,
    flow: str,
    *,
    kept: bool = True,
    lent: bool = False,
) -> JobBytes:
    """What ``demand`` takes at its fullest moment, with weights in ``precision`` and the codec's
    transformer in ``flow``.

    That is the caches its frames are recorded on, those its prompts are read into again if it
    ``rereads``, and with ``kept`` those that lie recorded for a first job of one take. ``lent``:
    what its frames are recorded on is there already.
    """
    each, rows = number_bytes(precision), demand.rows
    caches = 0 if lent else _step(sizes, rows, demand.slots, each)
    if demand.rereads:
        caches += sizes.stack.state(rows, demand.read_slots, each)
    if kept:
        caches += _step(sizes, 2, USUAL_POSITIONS, each)
    # Guidance makes two rows of each take.
    window = 2 * demand.takes * demand.latents * sizes.window_width * BYTES[flow]
    return JobBytes(caches, int(window))


def _step(sizes: Sizes, rows: int, slots: int, each: int) -> int:
    """Bytes of an `lm.FrameStep`, its caches included."""
    bias = rows * sizes.stack.kv_heads * slots * each
    inside = sizes.inside.state(rows, sizes.codebooks, each)
    return sizes.stack.state(rows, slots, each) + bias + inside


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
    window: int
    budget: int

    @property
    def total(self) -> int:
        """At the fullest moment."""
        beside = self.weights + int(WORKING)
        if self.placement is Placement.AFTER:
            return beside + max(self.cache, self.codec + self.window)
        return beside + self.cache + self.codec + self.window

    @property
    def fits(self) -> bool:
        return self.total <= self.budget

    def with_demand(self, demand: Demand, sizes: Sizes) -> Plan:
        """The same for another job."""
        found = needs(demand, sizes, self.precision, self.flow)
        window = 0 if self.placement is Placement.CPU else found.window
        return replace(self, cache=found.caches, window=window)

    def __str__(self) -> str:
        codec = f"codec {(self.codec + self.window) / GB:.1f} GB"
        where = {
            Placement.GPU: f"{codec} ({self.flow} transformer)",
            Placement.AFTER: f"{codec} after the last frame ({self.flow} transformer)",
            Placement.CPU: "codec on the CPU, slow",
        }[self.placement]
        return (
            f"{self.precision} weights {self.weights / GB:.1f} GB, caches {self.cache / GB:.1f} "
            f"GB, {where}: {self.total / GB:.1f} of {self.budget / GB:.1f} GB"
        )


def make_plan(
    budget: int,
    sizes: Sizes | None = None,
    *,
    precision: str = "",
    placement: Placement | None = None,
    demand: Demand = USUAL,
    narrow: bool = False,
) -> Plan:
    """The best plan for ``budget`` bytes of free memory, or the smallest one if none fits.

    ``precision`` and ``placement`` hold where they are given. Best means, in this order: sound
    while it generates, finer weights, a float32 codec. ``narrow``: live play wants the codec's
    transformer in bfloat16, as a copy where the codec itself is finer (``flow=bfloat16``).
    """
    sizes = sizes or Sizes()
    plans = list(_plans(budget, sizes, precision, placement, demand, narrow=narrow))
    return next((plan for plan in plans if plan.fits), min(plans, key=lambda plan: plan.total))


def _plans(
    budget: int,
    sizes: Sizes,
    precision: str,
    placement: Placement | None,
    demand: Demand,
    *,
    narrow: bool,
) -> Iterator[Plan]:
    precisions = [precision] if precision else ["bfloat16", "int8", "int4"]
    placements = [placement] if placement else list(Placement)
    for where, name, flow in product(placements, precisions, ("float32", "bfloat16")):
        if where is Placement.CPU and flow != "float32":
            continue  # it would be slower there, and smaller nowhere
        inside = INSIDE.get(name, name)
        codec = int(sizes.flow * BYTES[flow] + sizes.convolutions * 4)
        if narrow and flow == "float32" and where is Placement.GPU:  # AFTER cannot play live
            codec += int(sizes.flow * BYTES["bfloat16"])
        plan = Plan(
            name,
            where,
            flow,
            weights=int(
                sizes.backbone * BYTES[name]
                + sizes.decoder * BYTES[inside]
                + sizes.tables * number_bytes(name)
            ),
            cache=0,
            codec=0 if where is Placement.CPU else codec,
            window=0,
            budget=budget,
        )
        yield plan.with_demand(demand, sizes)


def number_bytes(precision: str) -> int:
    """Of each number in caches and tables."""
    return 4 if precision == "float32" else 2


def report(budget: int, plan: Plan, sizes: Sizes | None = None) -> str:
    """Plain words for `mula doctor` and the start-up log: the plan, and what many takes need."""
    if not plan.fits:
        return (
            f"HeartMuLa with {budget / GB:.0f} GB: too little for the smallest plan ({plan}); it "
            "runs on the CPU, far from real time: mini is made for this machine"
        )
    sizes = sizes or Sizes()
    many = plan.with_demand(MANY, sizes)
    said = f"HeartMuLa with {budget / GB:.0f} GB: {plan} for {USUAL}; {MANY} need "
    said += f"{many.total / GB:.1f} GB"
    if many.fits:
        return said
    takes = next(
        takes
        for takes in range(MANY.takes - 1, 0, -1)
        if takes == 1 or plan.with_demand(replace(MANY, takes=takes), sizes).fits
    )
    return f"{said}, so at most {takes} at once"


def shortage(
    demand: Demand, sizes: Sizes, precision: str, flow: str, free: int, *, lent: bool = False
) -> str:
    """Why a job cannot begin with ``free`` bytes; nothing when it can. ``lent`` is as for `needs`.

    ``flow`` is as for `needs`; empty when the codec is not on the card while frames are made. Only
    what is allocated for sure counts, so that nothing is refused which would work.
    """

    def wanted(takes: int) -> int:
        asked = replace(demand, takes=takes)
        there = lent and takes == demand.takes
        found = needs(asked, sizes, precision, flow or "float32", kept=False, lent=there)
        return found.total if flow else found.caches

    if wanted(demand.takes) <= free:
        return ""
    fitting = next((n for n in range(demand.takes - 1, 0, -1) if wanted(n) <= free), 0)
    much = f"; {fitting} at once would fit" if fitting else ""
    return (
        f"{demand} need{'s' if demand.takes == 1 else ''} {wanted(demand.takes) / GB:.1f} GB of "
        f"the card besides the weights, and {free / GB:.1f} are free{much}"
    )
