"""Takeover: what a control may do to a knob that stands somewhere else than its hand.

Positions and targets are travel 0..1. Pure; not thread-safe.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

THRESHOLD = 3 / 128
"""A control this near to its knob has it."""


class Mode(StrEnum):
    """How an absolute control takes over a knob that something else has moved."""

    JUMP = "jump"
    """At once: the knob jumps to the control."""
    PICKUP = "pickup"
    """Once the control has come near the knob, or has passed it."""
    SCALE = "scale"
    """Gradually: both reach the end of their way together."""


class Takeover:
    """One control's hold on one knob. This one jumps, which is for motor faders and rings: they
    follow their knob anyway."""

    def move(self, position: float, target: float) -> float | None:
        """Where the knob goes when the control moves to ``position``.

        ``target`` is where the knob stands now. None: it stays there.
        """
        return position

    def displaced(self, target: float) -> None:
        """Something else moved the knob to ``target``."""

    def rearm(self) -> None:
        """Let go: after a bank change the control means another knob than before."""


class Pickup(Takeover):
    """The knob waits for the control.

    A change is never larger than the threshold plus what the control itself moved.
    """

    def __init__(self) -> None:
        self._position: float | None = None
        self._held = False

    def move(self, position: float, target: float) -> float | None:
        before, self._position = self._position, position
        if not self._held:
            near = abs(position - target) <= THRESHOLD
            crossed = before is not None and (before - target) * (position - target) <= 0
            self._held = near or crossed
        return position if self._held else None

    def displaced(self, target: float) -> None:
        near = self._position is not None and abs(self._position - target) <= THRESHOLD
        self._held = self._held and near

    def rearm(self) -> None:
        self._held = False
        self._position = None


class Scale(Takeover):
    """The knob moves the way the control moves, in proportion to the way that is left.

    It never overshoots, and reaches an end exactly when the control does.
    """

    def __init__(self) -> None:
        self._position: float | None = None
        self._value: float | None = None  # finer than the knob, which may be rounded

    def move(self, position: float, target: float) -> float | None:
        before, self._position = self._position, position
        value = target if self._value is None else self._value
        if before is None:
            # The first message tells where the control stands, not which way it went.
            near = abs(position - target) <= THRESHOLD
            self._value = position if near else value
            return position if near else None
        if position > before:
            value += (position - before) * (1.0 - value) / (1.0 - before)
        elif position < before:
            value -= (before - position) * value / before
        self._value = min(1.0, max(0.0, value))
        return self._value

    def displaced(self, target: float) -> None:
        self._value = None

    def rearm(self) -> None:
        self._position = None
        self._value = None


_KINDS: Final = {Mode.JUMP: Takeover, Mode.PICKUP: Pickup, Mode.SCALE: Scale}


def takeover(mode: Mode) -> Takeover:
    """A fresh takeover of that mode, holding nothing yet."""
    return _KINDS[mode]()
