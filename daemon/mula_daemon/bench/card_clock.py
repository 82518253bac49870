"""Times of work on a card, by its own clock; of work on a CPU by the wall's."""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter
from typing import Any

import torch


def seconds(device: torch.device, work: Callable[[], object], times: int = 6) -> list[float]:
    """How long each of ``times`` runs took, after one that does not count.

    On a card between two events: what the host needs for launching is no part of it as long as
    the card has something to do.
    """
    work()
    return [_once(device, work) for _ in range(times)]


def _once(device: torch.device, work: Callable[[], object]) -> float:
    if device.type != "cuda":
        start = perf_counter()
        work()
        return perf_counter() - start
    begin, end = _event(), _event()
    begin.record()
    work()
    end.record()
    end.synchronize()
    return float(begin.elapsed_time(end)) / 1e3


def _event() -> Any:
    return torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]
