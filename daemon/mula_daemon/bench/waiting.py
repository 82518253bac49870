"""Waiting for what nothing tells of."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic, sleep
from typing import TypeVar

from mula_bridge.errors import Unavailable

T = TypeVar("T")


def wait_for(
    look: Callable[[], T], otherwise: str, *, seconds: float = 60.0, every_s: float = 0.05
) -> T:
    """Look again and again until something true is seen, and return it.

    Raises Unavailable, with ``otherwise``, when it is too late.
    """
    end = monotonic() + seconds
    while not (seen := look()):
        if monotonic() > end:
            raise Unavailable(otherwise)
        sleep(every_s)
    return seen
