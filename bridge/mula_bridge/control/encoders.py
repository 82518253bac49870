"""Endless encoders: what a relative control change says, and how far that moves a knob."""

from __future__ import annotations

from enum import StrEnum


class Encoding(StrEnum):
    """How a control change's value is meant; the relative ones are named by what they do."""

    ABSOLUTE = "absolute"
    TWOS_COMPLEMENT = "twos_complement"
    """1..64 up, 127..65 down."""
    BINARY_OFFSET = "binary_offset"
    """65..127 up, 63..1 down."""
    SIGN_BIT_DEC = "sign_bit_dec"
    """1..64 up, 65..127 down."""
    SIGN_BIT_INC = "sign_bit_inc"
    """65..127 up, 1..64 down."""


def ticks(encoding: Encoding, value: int) -> int:
    """How many ticks ``value`` 0..127 means, up positive; 0 for none. Not for ABSOLUTE."""
    match encoding:
        case Encoding.TWOS_COMPLEMENT:
            return value if value <= 64 else value - 128
        case Encoding.BINARY_OFFSET:
            return value - 64 if value else 0
        case Encoding.SIGN_BIT_DEC:
            return value if value <= 64 else 64 - value
        case Encoding.SIGN_BIT_INC:
            return -value if value <= 64 else value - 64
    raise ValueError("an absolute control has no ticks")


_SLOW_NS, _FAST_NS = 60_000_000, 10_000_000


class Acceleration:
    """Turns ticks into a change of travel: slow turns are fine, fast ones coarse.

    ``step`` is the travel of one tick. With ``max_step`` above it, ticks that
    follow each other within 60 ms count for more, up to ``max_step`` at 10 ms;
    no single message moves further than ``max_step``. Without, every tick is a
    ``step``.
    """

    def __init__(self, step: float, max_step: float | None = None) -> None:
        self._step = step
        self._max_step = max_step
        self._last = 0
        self._last_ns: int | None = None

    def move(self, count: int, now_ns: int) -> float:
        """The change of travel for ``count`` ticks (signed) that arrived at ``now_ns``."""
        direction = (count > 0) - (count < 0)
        if self._max_step is None:
            return count * self._step
        fast = 0.0
        if self._last_ns is not None and direction == self._last:
            gap = now_ns - self._last_ns
            fast = min(1.0, max(0.0, (_SLOW_NS - gap) / (_SLOW_NS - _FAST_NS)))
        if direction:
            self._last, self._last_ns = direction, now_ns
        step = self._step + (self._max_step - self._step) * fast
        return direction * min(abs(count) * step, self._max_step)
