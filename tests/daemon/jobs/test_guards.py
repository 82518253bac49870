"""Silent and clipped takes: what is said, and what is made again."""

from __future__ import annotations

from dataclasses import replace

import pytest
from msgspec import structs

from mula_bridge.control.messages.reports import Notice
from mula_bridge.control.messages.states import Status
from mula_daemon.clips.recipe import MadeBy, Performance, Recipe, Warn
from mula_daemon.engine.seam import ClipRequest, FrameKnobs
from mula_daemon.jobs.guards import Remake, remarks
from mula_daemon.jobs.queue import Job

REQUEST = ClipRequest("j", ("dark",), (5, 6))
JOB = Job(REQUEST, {"seed": 5, "takes": 2, "cfg": 2.0})
RECIPE = Recipe(
    id="a", job="j", take=1, created="2026-01-01T00:00:00Z", engine=MadeBy("e", "1"), tags=(),
    tags_b=(), lyrics="", warnings=(), parent=None, codes=None, stems={}, midi=None,
    status=Status.NEW, seed=6, bpm=120.0, bars=4, meter="4/4", key="Amin", seconds=8.0,
    sample_rate=48_000, peak_dbfs=-91.0, loudness_lufs=None, knobs=Performance({}, ()),
)  # fmt: skip
SILENT = structs.replace(RECIPE, warnings=(Warn.NEAR_SILENT,))


def rerolled(job: Job, limit: int = 2) -> Job | None:
    return next(
        (said.job for said in remarks(SILENT, job, limit) if isinstance(said, Remake)), None
    )


def test_nothing_is_said_of_a_take_that_is_fine() -> None:
    assert remarks(RECIPE, JOB, 2) == []


def test_what_is_wrong_is_said_with_take_and_seed() -> None:
    (said,) = remarks(structs.replace(RECIPE, warnings=(Warn.CLIPPED,)), JOB, 2)
    assert isinstance(said, Notice)
    assert (said.job, said.code) == ("j", "clipped")
    assert "take 2 (seed 6)" in said.text


def test_a_silent_take_is_made_again_with_a_seed_of_its_own() -> None:
    again = rerolled(JOB)
    assert again is not None
    assert again.request == replace(REQUEST, job="j.2~1", seeds=(8,))
    assert again.knobs == {"seed": 8, "takes": 1, "cfg": 2.0}


@pytest.mark.parametrize(
    ("until", "words"), [(30.0, "from 12.3 s on, of 30.0"), (20.0, "from 12.3 to 20.0 s, of 30.0")]
)
def test_a_take_that_falls_silent_is_told_where_and_made_again(until: float, words: str) -> None:
    recipe = structs.replace(
        RECIPE, seconds=30.0, warnings=(Warn.FALLS_SILENT,), silent_from=12.3, silent_until=until
    )
    (told,) = remarks(recipe, JOB, 0)
    assert isinstance(told, Notice)
    assert told.text.startswith(f"take 2 (seed 6) is near-silent {words}; another seed")
    assert "--reroll" in told.text
    told, again = remarks(recipe, JOB, 1)
    assert isinstance(told, Notice) and told.text.endswith("made again with the next seed")
    assert isinstance(again, Remake) and again.job.request.seeds == (8,)
    (spent,) = remarks(recipe, structs.replace(JOB, rerolls=1), 1)
    assert isinstance(spent, Notice) and "after 1 try more" in spent.text


def test_at_most_so_often() -> None:
    assert rerolled(JOB, 0) is None
    job: Job | None = Job(replace(REQUEST, seeds=(6,)), JOB.knobs)
    names = []
    while job is not None and (job := rerolled(job)) is not None:
        names.append(job.id)
    assert names == ["j~1", "j~2"]


@pytest.mark.parametrize("limit", [1, 2])
def test_a_performance_is_never_another_one(limit: int) -> None:
    replay = replace(REQUEST, performance=((0, FrameKnobs()),))
    assert rerolled(Job(replay, {}), limit) is None
