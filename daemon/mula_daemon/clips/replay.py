"""From a recipe back to a request: a performance made again, knob moves and all. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mula_bridge.control import FRAME_KNOBS
from mula_bridge.errors import BadInput
from mula_daemon.clips.recipe import Recipe
from mula_daemon.clips.take import Change
from mula_daemon.engine import NO_TEXTS, ClipRequest, FrameKnobs, Texts


def replay_request(recipe: Recipe, job: str) -> ClipRequest:
    """What makes the clip of ``recipe`` again: code for code on the same engine and device.

    Raises BadInput for a clip that was captured from live play: what it went on from is gone.
    And for one whose sidecar does not say all that is needed.
    """
    if recipe.parent is not None:
        raise BadInput(
            f"clip {recipe.id} was captured at frame {recipe.parent.frame} of live play and cannot "
            "be made again: what came before it was not kept"
        )
    try:
        initial = {name: float(recipe.knobs.initial[name]) for name in FRAME_KNOBS}
        beats_per_bar = int(recipe.meter.partition("/")[0])
    except KeyError as error:
        raise BadInput(f"the sidecar of clip {recipe.id} does not have the knob {error}") from None
    except ValueError as error:
        raise BadInput(f"the sidecar of clip {recipe.id} has a wrong value: {error}") from None
    texts = Texts(recipe.tags, recipe.tags_b, recipe.lyrics)
    fit = recipe.fit
    return ClipRequest(
        job=job,
        tags=recipe.tags,
        tags_b=recipe.tags_b,
        lyrics=recipe.lyrics,
        seeds=(recipe.seed,),
        bpm=recipe.bpm if fit is None else fit.asked_bpm,
        bars=recipe.bars if fit is None else fit.asked_bars,
        spare_bars=0 if fit is None else fit.spare_bars,
        key=recipe.key,
        beats_per_bar=beats_per_bar,
        performance=performance(initial, recipe.knobs.timeline, texts),
        follows=texts,
    )


def performance(
    initial: Mapping[str, float], changes: Sequence[Change], texts: Texts = NO_TEXTS
) -> tuple[tuple[int, FrameKnobs], ...]:
    """A timeline as a ClipRequest replays it: (frame, all knobs and texts from there on)."""
    now = dict(initial)
    script = {0: _frame_knobs(now, texts)}
    for index, name, value in changes:
        if isinstance(value, str):
            texts = texts.with_part(name, value)
        else:
            now[name] = value
        script[index] = _frame_knobs(now, texts)
    return tuple(sorted(script.items()))


def _frame_knobs(values: Mapping[str, float], texts: Texts) -> FrameKnobs:
    return FrameKnobs(
        cfg=values["cfg"],
        temperature=values["temperature"],
        top_k=int(values["top_k"]),
        morph=values["morph"],
        texts=texts,
    )
