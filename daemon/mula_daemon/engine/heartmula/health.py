"""What ``mula doctor`` says of HeartMuLa: what fits on which card, and the checkpoint named."""

from __future__ import annotations

from collections.abc import Iterator

from mula_bridge.errors import MulaError
from mula_daemon.engine.findings import Finding, Grade
from mula_daemon.engine.graphics import best_device
from mula_daemon.engine.heartmula.card import old_card
from mula_daemon.engine.heartmula.layout import find_layout
from mula_daemon.engine.heartmula.memory_plan import (
    CARDS_GB,
    DESKTOP,
    GB,
    Placement,
    make_plan,
    report,
)
from mula_daemon.engine.heartmula.parts import require_sound
from mula_daemon.engine.messages import EngineSpec
from mula_daemon.weights import default_place, named_place


def memory(spec: EngineSpec) -> Iterator[Finding]:
    """What of it fits on the card that is there, and on others."""
    if (old := old_card()) is not None:
        yield old
    elif best_device() == "cuda":
        yield from _this_card(spec)
    for size in CARDS_GB:
        plan = make_plan(size * GB - DESKTOP)
        yield Finding(f"{size} GB card", Grade.OK, report(size * GB, plan))


def _this_card(spec: EngineSpec) -> Iterator[Finding]:
    import torch

    try:
        free, _ = torch.cuda.mem_get_info()
    except RuntimeError:  # whoever looks at cards has said so already
        return
    named = "" if spec.precision in ("", "auto") else spec.precision
    where = None if spec.codec in ("", "auto") else Placement(spec.codec)
    plan = make_plan(free, precision=named, placement=where)
    grade = Grade.OK if plan.fits else Grade.WARN
    remedy = "" if plan.fits else "close what else uses the card, or use --engine mini"
    yield Finding("this card", grade, report(free, plan), remedy)


def checkpoint(spec: EngineSpec) -> Iterator[Finding]:
    """The checkpoint folder, if one is named, or was pulled."""
    if not spec.checkpoint and not default_place("heartmula").is_dir():
        return
    try:
        place = named_place(spec.checkpoint) if spec.checkpoint else default_place("heartmula")
        require_sound(find_layout(place))
    except MulaError as error:
        yield Finding(
            "checkpoint", Grade.FAIL, str(error), "name a whole release with --checkpoint, or none"
        )
    else:
        yield Finding("checkpoint", Grade.OK, str(place))


def findings(spec: EngineSpec) -> Iterator[Finding]:
    """Everything; imports torch."""
    yield from memory(spec)
    yield from checkpoint(spec)
