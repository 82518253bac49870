"""What is said of a take whose sound is wrong, and the job that makes a silent one again. Pure."""

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
        Warn.NEAR_SILENT: "take {take} (seed {seed}) is near-silent: another seed or other tags "
        "may not be",
    }
)


class Remake(Struct, frozen=True):
    """A near-silent take is to be made again, as ``job``."""

    job: Job


def remarks(recipe: Recipe, job: Job, limit: int) -> list[Notice | Remake]:
    """What there is to say of a clip that landed, and a job with the next seed if it is silent.

    ``limit`` is how often one take is made again. A performance is not: it would be another one.
    """
    said: list[Notice | Remake] = [
        Notice(recipe.job, name, SENTENCES[name].format(take=recipe.take + 1, seed=recipe.seed))
        for name in recipe.warnings
    ]
    silent = Warn.NEAR_SILENT in recipe.warnings
    if silent and job.rerolls < limit and not job.request.performance:
        said.append(Remake(_again(recipe, job)))
    return said


def _again(recipe: Recipe, job: Job) -> Job:
    """The same request for this take alone; its seed is none that the job's other takes have."""
    request = job.request
    first = request.job.removesuffix(f"~{job.rerolls}") if job.rerolls else request.job
    name = first if len(request.seeds) == 1 else f"{first}.{recipe.take + 1}"
    seed = (recipe.seed + len(request.seeds)) % MAX_SEED
    again = replace(request, job=f"{name}~{job.rerolls + 1}", seeds=(seed,))
    knobs = {**job.knobs, "seed": seed, "takes": 1}
    return Job(again, knobs, rerolls=job.rerolls + 1, origin=job.origin)
