"""What is said of a take whose sound is wrong, and the job that makes a silent one again. Pure.

A take that its model ended early is one that falls silent: nothing is heard from there on.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Final

from msgspec import Struct

from mula_bridge.control.messages import Notice
from mula_daemon.clips import Recipe, Warn
from mula_daemon.jobs.queue import MAX_SEED, Job

SENTENCES: Final[Mapping[str, str]] = MappingProxyType(
    {
        Warn.CLIPPED: "take {take} (seed {seed}) clips: turn it down before it is mixed",
        Warn.NEAR_SILENT: "take {take} (seed {seed}) is near-silent; {remedy}",
        Warn.FALLS_SILENT: "take {take} (seed {seed}) is near-silent {when}; {remedy}",
    }
)
BY_HAND: Final = "another seed or other tags may not be (--reroll makes such a take again)"
AGAIN: Final = "it is made again with the next seed"
SPENT: Final = "so it stays after {count} more: other tags, or another guidance (cfg), may help"


class Remake(Struct, frozen=True):
    """A take that is silent, or falls silent, is to be made again, as ``job``."""

    job: Job


def remarks(recipe: Recipe, job: Job, limit: int) -> list[Notice | Remake]:
    """What there is to say of a clip that landed, and a job with the next seed if it is silent or
    falls silent.

    ``limit`` is how often one take is made again. A performance is not: it would be another one.
    """
    silent = Warn.NEAR_SILENT in recipe.warnings or Warn.FALLS_SILENT in recipe.warnings
    is_remade = silent and job.rerolls < limit and not job.request.performance
    tries = "1 try" if job.rerolls == 1 else f"{job.rerolls} tries"
    remedy = AGAIN if is_remade else SPENT.format(count=tries) if job.rerolls else BY_HAND
    words = {
        "take": recipe.take + 1, "seed": recipe.seed, "when": _when(recipe), "remedy": remedy,
    }  # fmt: skip
    said: list[Notice | Remake] = [
        Notice(recipe.job, name, SENTENCES[name].format(**words)) for name in recipe.warnings
    ]
    if is_remade:
        said.append(Remake(_again(recipe, job)))
    return said


def _when(recipe: Recipe) -> str:
    """Where it is silent, in words."""
    begin, end = recipe.silent_from or 0.0, recipe.silent_until or 0.0
    if end > recipe.seconds - 0.1:
        return f"from {begin:.1f} s on, of {recipe.seconds:.1f}"
    return f"from {begin:.1f} to {end:.1f} s, of {recipe.seconds:.1f}"


def _again(recipe: Recipe, job: Job) -> Job:
    """The same request for this take alone; its seed is none that the job's other takes have."""
    request = job.request
    first = request.job.removesuffix(f"~{job.rerolls}") if job.rerolls else request.job
    name = first if len(request.seeds) == 1 else f"{first}.{recipe.take + 1}"
    seed = (recipe.seed + len(request.seeds)) % MAX_SEED
    again = replace(request, job=f"{name}~{job.rerolls + 1}", seeds=(seed,))
    knobs = {**job.knobs, "seed": seed, "takes": 1}
    return Job(again, knobs, rerolls=job.rerolls + 1, origin=job.origin)
