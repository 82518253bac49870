"""Weighted choices from one seeded generator."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import Protocol, TypeVar

T = TypeVar("T")


class Weighted(Protocol):
    """Anything with a weight."""

    @property
    def weight(self) -> float: ...


W = TypeVar("W", bound=Weighted)


def pick(rng: random.Random, options: Mapping[T, float]) -> T:
    """One key, in proportion to its weight."""
    return rng.choices(list(options), list(options.values()))[0]


def pick_set(rng: random.Random, options: Sequence[W]) -> W:
    """One item, in proportion to its ``weight``."""
    return rng.choices(options, [option.weight for option in options])[0]


def several(rng: random.Random, options: Sequence[T], count: int) -> list[T]:
    """Up to ``count`` different items in random order."""
    return rng.sample(options, min(count, len(options)))
