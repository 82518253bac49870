"""What ``mula doctor`` says of HeartMuLa: what fits on which card, and the checkpoint named."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from mula_bridge.errors import MulaError
from mula_daemon.engine.findings import Finding, Grade
from mula_daemon.engine.graphics import best_device
from mula_daemon.engine.heartmula.card import old_card
from mula_daemon.engine.heartmula.layout import ReleaseLayout, find_layout
from mula_daemon.engine.heartmula.memory_plan import (
    CARDS_GB,
    DESKTOP,
    GB,
    Placement,
    Sizes,
    make_plan,
    report,
)
from mula_daemon.engine.heartmula.parts import require_sound
from mula_daemon.engine.messages import EngineSpec
from mula_daemon.weights import default_place, named_place


def memory(spec: EngineSpec) -> Iterator[Finding]:
    """What of it fits on the card that is there, and on others."""
    sizes = _sizes(spec)
    if (old := old_card()) is not None:
        yield old
    elif best_device() == "cuda":
        yield from _this_card(spec, sizes)
    for size in CARDS_GB:
        plan = make_plan(size * GB - DESKTOP, sizes)
        yield Finding(f"{size} GB card", Grade.OK, report(size * GB, plan, sizes))


def _sizes(spec: EngineSpec) -> Sizes:
    """Of the checkpoint that is named, or was pulled; else, and of a broken one, the 3B's."""
    try:
        place = _place(spec)
        if place is not None:
            return _read(find_layout(place))
    except MulaError:  # which is said of the checkpoint
        pass
    return Sizes()


def _place(spec: EngineSpec) -> Path | None:
    if spec.checkpoint:
        return named_place(spec.checkpoint)
    place = default_place("heartmula")
    return place if place.is_dir() else None


def _read(layout: ReleaseLayout) -> Sizes:
    """Raises MulaError for sizes that this version does not know."""
    from mula_daemon.engine.heartmula.model import sizes_in

    return sizes_in(layout)


def _this_card(spec: EngineSpec, sizes: Sizes) -> Iterator[Finding]:
    import torch

    try:
        free, _ = torch.cuda.mem_get_info()
    except RuntimeError:  # whoever looks at cards has said so already
        return
    named = "" if spec.precision in ("", "auto") else spec.precision
    where = None if spec.codec in ("", "auto") else Placement(spec.codec)
    narrow = _wants_copy(spec.codec_stream)
    plan = make_plan(free, sizes, precision=named, placement=where, narrow=narrow)
    grade = Grade.OK if plan.fits else Grade.WARN
    remedy = "" if plan.fits else "close what else uses the card, or use --engine mini"
    yield Finding("this card", grade, report(free, plan, sizes), remedy)


def _wants_copy(stream: str) -> bool:
    """Whether live play wants the codec's transformer in bfloat16."""
    from mula_daemon.engine.heartmula.codec import Arithmetic
    from mula_daemon.engine.heartmula.model import StreamSettings

    try:
        return StreamSettings.parse(stream).flow is Arithmetic.BFLOAT16
    except MulaError:  # which the engine says
        return False


def checkpoint(spec: EngineSpec) -> Iterator[Finding]:
    """The checkpoint folder, if one is named, or was pulled."""
    try:
        place = _place(spec)
        if place is None:
            return
        layout = find_layout(place)
        require_sound(layout)
        _read(layout)
    except MulaError as error:
        yield Finding(
            "checkpoint", Grade.FAIL, str(error), "name a whole release with --checkpoint, or none"
        )
    else:
        yield Finding("checkpoint", Grade.OK, f"{place}, {layout.model.name}")


def findings(spec: EngineSpec) -> Iterator[Finding]:
    """Everything; imports torch."""
    yield from memory(spec)
    yield from checkpoint(spec)
