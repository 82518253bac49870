"""What each plan takes of the card, against what `memory_plan` says of it."""

from __future__ import annotations

import contextlib
import gc
from itertools import islice
from typing import Any, Final

import torch

from mula_daemon.bench.gpu.chain import TOY_STREAM
from mula_daemon.bench.gpu.plan import CardQuestions
from mula_daemon.bench.gpu.random_engine import RandomHeartMula
from mula_daemon.bench.gpu.run import say
from mula_daemon.engine import ClipRequest

PLANS: Final = (
    ("bfloat16", "gpu"), ("int8", "gpu"), ("int4", "gpu"), ("bfloat16", "after"), ("int4", "after"),
)  # fmt: skip
ITEMS: Final = 110
"""Frames and sound: after so many of a long clip everything is allocated."""
LONG_BARS, SHORT_BARS = 60, 6
"""Two minutes, of which only the beginning is made; 12 s, to their end, where the codec comes
last."""


def measure(asked: CardQuestions) -> dict[str, Any]:
    """A row for each plan."""
    device = torch.device(asked.device)
    if device.type != "cuda":
        return {"skipped": "the memory of a card is measured; a CPU's is not planned"}
    figures: dict[str, Any] = {"rows": []}
    for precision, placement in PLANS[:1] if asked.toy else PLANS:
        row = _row(asked, device, precision, placement)
        figures["rows"].append(row)
        say(f"  {row}")
    short = [row for row in figures["rows"] if row["taken_gb"] > row["said_gb"]]
    if short:
        figures["error"] = f"{len(short)} plans take more than is said of them"
    return figures


def _row(
    asked: CardQuestions, device: torch.device, precision: str, placement: str
) -> dict[str, Any]:
    gc.collect()
    torch.cuda.empty_cache()
    before = torch.cuda.memory_allocated(device)
    engine = RandomHeartMula(
        asked, precision=precision, codec=placement, stream=TOY_STREAM if asked.toy else None
    )
    engine.warm_up()
    gc.collect()
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats(device)
    weights = torch.cuda.memory_allocated(device) - before
    after = placement == "after"
    clip = ClipRequest("memory", ("techno",), (0,), bars=SHORT_BARS if after else LONG_BARS)
    with contextlib.closing(engine.items(clip)) as items:
        for _ in items if after else islice(items, ITEMS):
            pass
        free, total = torch.cuda.mem_get_info(device)
        reserved = torch.cuda.memory_reserved(device)
    plan = engine.plan_for(SHORT_BARS * 25 if after else LONG_BARS * 25)
    beside = total - free - reserved
    peak = torch.cuda.max_memory_reserved(device)
    return {
        "plan": f"{plan.precision} {plan.placement} {plan.flow}",
        "said_gb": _gb(plan.total),
        "taken_gb": _gb(peak + beside),
        "allocated_gb": _gb(torch.cuda.max_memory_allocated(device)),
        "context_and_others_gb": _gb(beside),
        "after_warm_up_gb": _gb(weights),
    }


def _gb(nbytes: float) -> float:
    return round(nbytes / 1e9, 2)
