"""From a recipe back to a request: a performance made again, knob moves and all. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mula_bridge.knobs import FRAME_KNOBS
from mula_daemon.engine.base import ClipRequest, FrameKnobs
from mula_daemon.recipe import Recipe
from mula_daemon.sinks.base import Change


def replay_request(recipe: Recipe, job: str) -> ClipRequest:
    """What makes the clip of ``recipe`` again: code for code on the same engine and device."""
    initial = {name: float(recipe.knobs.initial[name]) for name in FRAME_KNOBS}
    return ClipRequest(
        job=job,
        tags=recipe.tags,
        tags_b=recipe.tags_b,
        lyrics=recipe.lyrics,
        seeds=(recipe.seed,),
        bpm=recipe.bpm,
        bars=recipe.bars,
        key=recipe.key,
        beats_per_bar=int(recipe.meter.partition("/")[0]),
        performance=performance(initial, recipe.knobs.timeline),
    )


def performance(
    initial: Mapping[str, float], changes: Sequence[Change]
) -> tuple[tuple[int, FrameKnobs], ...]:
    """A timeline as a ClipRequest replays it: (frame, all knobs from there on)."""
    now = dict(initial)
    script = {0: _frame_knobs(now)}
    for index, name, value in changes:
        now[name] = value
        script[index] = _frame_knobs(now)
    return tuple(sorted(script.items()))


def _frame_knobs(values: Mapping[str, float]) -> FrameKnobs:
    return FrameKnobs(
        cfg=values["cfg"],
        temperature=values["temperature"],
        top_k=int(values["top_k"]),
        morph=values["morph"],
    )
