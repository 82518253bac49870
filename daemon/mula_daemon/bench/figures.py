"""Percentiles of measured times, the way every benchmark prints them."""

from __future__ import annotations

import json
from collections.abc import Sequence


def percentile(values: Sequence[float], percent: float) -> float:
    """The value that ``percent`` of ``values`` do not exceed (nearest rank)."""
    ordered = sorted(values)
    rank = max(1, -(-len(ordered) * percent // 100))
    return ordered[int(rank) - 1]


def spread(values: Sequence[float], *percents: float) -> dict[str, float]:
    """``{"p50": ..., ...}``, rounded to four digits after the point."""
    return {f"p{percent:g}": round(percentile(values, percent), 4) for percent in percents}


def print_json(**figures: object) -> None:
    """The last line of a benchmark."""
    print(json.dumps(figures), flush=True)
