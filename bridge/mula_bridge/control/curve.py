"""A macro knob's curve: where it puts other knobs along its way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Final

from msgspec import Struct

from mula_bridge.control.knobs import KnobValue, knob
from mula_bridge.errors import BadInput


class Point(Struct, frozen=True):
    """Knob values (in real units) at one place 0..1 of the macro knob."""

    at: float
    values: Mapping[str, KnobValue]


class Curve:
    """Knob values interpolated through points. Immutable; any thread may call it.

    ``points`` rise strictly in ``at`` and all move the same numeric knobs within
    their ranges; raises BadInput (or UnknownName) otherwise.
    """

    def __init__(self, points: Sequence[Point]) -> None:
        if not points:
            raise BadInput("a curve needs at least one point")
        for before, after in pairwise(points):
            if not before.at < after.at:
                raise BadInput(f"a curve rises in 'at': {after.at:g} comes after {before.at:g}")
            if before.values.keys() != after.values.keys():
                raise BadInput("every point of a curve sets the same knobs")
        for point in points:
            check_point(point)
        self.points: Final = tuple(points)
        """Rising in ``at``."""

    @property
    def knobs(self) -> frozenset[str]:
        """The knobs it moves."""
        return frozenset(self.points[0].values)

    def at(self, x: float) -> dict[str, KnobValue]:
        """The value of each knob at ``x`` 0..1; the end points hold beyond the ends.

        Linear in real units; integer knobs are rounded.
        """
        first, last = self.points[0], self.points[-1]
        if not x > first.at:  # NaN too
            return dict(first.values)
        if x >= last.at:
            return dict(last.values)
        low, high = next(pair for pair in pairwise(self.points) if x <= pair[1].at)
        share = (x - low.at) / (high.at - low.at)
        return {
            name: knob(name).coerce(float(a) + (float(high.values[name]) - float(a)) * share)
            for name, a in low.values.items()
        }


def check_point(point: Point) -> None:
    """Raises BadInput when a point cannot be part of a curve."""
    if not 0.0 <= point.at <= 1.0:
        raise BadInput(f"'at' is 0..1, not {point.at:g}")
    if not point.values:
        raise BadInput("a point sets at least one knob")
    for name, value in point.values.items():
        row = knob(name)
        if row.choices or isinstance(value, str):
            raise BadInput(f"a curve cannot move knob {name!r}: it has no number")
        row.check(value)
