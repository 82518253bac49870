"""Tapers: how a knob's travel 0..1 maps to its value, and back.

Pure functions of one float. ``at(0)`` and ``at(1)`` are the ends of the travel;
``of`` is the inverse, clamped to 0..1 for values outside the travel.
"""

from __future__ import annotations

import math
from typing import Protocol

from msgspec import Struct


class Taper(Protocol):
    """A monotone map between travel 0..1 and real units."""

    def at(self, travel: float) -> float: ...
    def of(self, value: float) -> float: ...


class Linear(Struct, frozen=True):
    """Equal travel, equal change."""

    low: float
    high: float

    def at(self, travel: float) -> float:
        return self.low + (self.high - self.low) * travel

    def of(self, value: float) -> float:
        return _clamp((value - self.low) / (self.high - self.low))


class Piecewise(Struct, frozen=True):
    """Two straight halves that meet at ``centre``, in the middle of the travel."""

    low: float
    centre: float
    high: float

    def at(self, travel: float) -> float:
        if travel < 0.5:
            return self.low + (self.centre - self.low) * travel * 2
        return self.centre + (self.high - self.centre) * (travel - 0.5) * 2

    def of(self, value: float) -> float:
        if value < self.centre:
            return _clamp((value - self.low) / (self.centre - self.low) / 2)
        return _clamp(0.5 + (value - self.centre) / (self.high - self.centre) / 2)


class Log(Struct, frozen=True):
    """Equal travel, equal ratio; both ends are above zero."""

    low: float
    high: float

    def at(self, travel: float) -> float:
        return float(self.low * (self.high / self.low) ** travel)

    def of(self, value: float) -> float:
        if value <= self.low:
            return 0.0
        return _clamp(math.log(value / self.low) / math.log(self.high / self.low))


def _clamp(travel: float) -> float:
    return min(1.0, max(0.0, travel))
