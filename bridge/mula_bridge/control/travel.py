"""The way a control moves a knob along: its position 0..1 to a value, and back."""

from __future__ import annotations

from msgspec import Struct

from mula_bridge.control.knobs import Knob, KnobValue
from mula_bridge.control.messages import SetKnob
from mula_bridge.control.tapers import Linear, Log, Piecewise, Taper
from mula_bridge.errors import BadInput


class Travel(Struct, frozen=True):
    """A knob's own travel, or (``taper`` set) another part of its range."""

    knob: Knob
    taper: Taper | None = None
    flipped: bool = False

    @classmethod
    def between(cls, knob: Knob, start: float, end: float) -> Travel:
        """The travel from ``start`` to ``end`` in real units, downwards if start is higher.

        It bends as the knob's own taper does, and may go beyond the knob's own
        travel. Raises BadInput outside the knob's range.
        """
        if knob.choices:
            raise BadInput(f"knob {knob.name!r} has choices, not a range")
        for end_point in (start, end):
            knob.check(end_point)
        if start == end:
            raise BadInput(f"a range from {start:g} to {end:g} leaves nothing to turn")
        low, high = min(start, end), max(start, end)
        return cls(knob, _bend(knob.taper, low, high), start > end)

    def value(self, position: float) -> KnobValue:
        """The knob's value at ``position`` 0..1 (clamped)."""
        if self.taper is None:
            return self.knob.from_norm(position)
        inside = min(1.0, max(0.0, position))
        return self.knob.coerce(self.taper.at(1.0 - inside if self.flipped else inside))

    def position(self, value: KnobValue) -> float:
        """Where 0..1 the control stands for ``value``; an end when that is out of reach."""
        if self.taper is None:
            return self.knob.to_norm(value)
        there = self.taper.of(float(value))
        return 1.0 - there if self.flipped else there

    def command(self, position: float) -> SetKnob:
        """The command that puts the knob there."""
        if self.taper is None:
            return SetKnob(self.knob.name, position, norm=True)
        return SetKnob(self.knob.name, self.value(position))


def _bend(taper: Taper, low: float, high: float) -> Taper:
    if isinstance(taper, Log):
        return Log(low, high)
    if isinstance(taper, Piecewise) and low < taper.centre < high:
        return Piecewise(low, taper.centre, high)
    return Linear(low, high)
