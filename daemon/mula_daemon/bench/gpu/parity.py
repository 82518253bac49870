"""The reference's vectors, met on the card: frame by frame, and as replayed graphs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from mula_daemon.bench import parity
from mula_daemon.bench.gpu.plan import CardQuestions


def measure(asked: CardQuestions) -> dict[str, Any]:
    """`parity.run`'s figures; ``recorded`` those of frames alone, which graphs made."""
    if not asked.reference:
        return {"skipped": "no reference is here; --reference or MULA_REFERENCE names one"}
    folder, device = Path(asked.reference), torch.device(asked.device)
    figures = parity.run(folder, device=device)
    if device.type == "cuda":
        figures["recorded"] = parity.run_recorded(folder, device)
    else:
        figures["recorded"] = "nothing is recorded on a CPU"
    return figures | failing(figures)


def failing(figures: dict[str, Any]) -> dict[str, str]:
    """An error when anything of it differs."""
    recorded = figures["recorded"]
    if figures["passed"] and (isinstance(recorded, str) or recorded["passed"]):
        return {}
    return {"error": "what is made here differs from the reference"}
