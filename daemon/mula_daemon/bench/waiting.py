"""Waiting for what nothing tells of."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic, sleep

from mula_bridge.errors import Unavailable


def wait_for(
    holds: Callable[[], object], otherwise: str, *, seconds: float = 60.0, every_s: float = 0.05
) -> None:
    """Look again and again until it holds. Raises Unavailable, with ``otherwise``, if too late."""
    end = monotonic() + seconds
    while not holds():
        if monotonic() > end:
            raise Unavailable(otherwise)
        sleep(every_s)
