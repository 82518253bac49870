"""One control in one musician's hand: what its events do to the binding it has."""

from __future__ import annotations

from mula_bridge.control import Acceleration, Encoding, Takeover, takeover, ticks
from mula_bridge.mapping import Binding, KnobTarget
from mula_bridge.midi import Event, EventKind

PRESSED = 64
"""The lowest value of a button's control change that counts as pressed."""
_BOUNCE_NS = 50_000_000
"""The same message again within so long is no other press."""


class Hand:
    """The state of one control on one port: takeover, acceleration, whether it is down.

    Not thread-safe.
    """

    def __init__(self, binding: Binding) -> None:
        self._control = binding.control
        self._down = False
        self._lets_go = False  # whether it says when it is let go; some buttons do not
        self._pressed: tuple[int, int] | None = None  # with what value it was, and when
        self._acceleration = Acceleration(binding.control.step, binding.control.max_step)
        self._position: float | None = None  # of an encoder, finer than the knob's rounding
        self._takeover: Takeover | None = None
        if isinstance(binding.target, KnobTarget):
            self._takeover = takeover(binding.target.mode)

    @property
    def relative(self) -> bool:
        """Whether it is an endless encoder, which sends no position."""
        return self._control.encoding is not Encoding.ABSOLUTE

    def pressed(self, event: Event, now_ns: int) -> bool:
        """Whether the event is a press: a note that begins, a program, a button going down.

        Of a button that never was let go the same message again is a press again.
        """
        if event.kind is EventKind.PROGRAM_CHANGE:
            return True
        if event.kind is EventKind.NOTE:
            return event.value > 0
        value = raw_value(event, self._control.bits)
        was, self._down = self._down, value >= PRESSED
        self._lets_go = self._lets_go or not self._down
        before, before_ns = self._pressed or (None, 0)
        again = value == before and not self._lets_go and now_ns - before_ns > _BOUNCE_NS
        if self._down:
            self._pressed = value, now_ns
        return self._down and (again or not was)

    def move(self, event: Event, now_ns: int, target: float) -> float | None:
        """Where 0..1 the event puts the knob that stands at ``target``; None: it stays."""
        if self.relative:
            return self._turn(event, now_ns, target)
        position = self._control.position(raw_value(event, self._control.bits))
        return self._takeover.move(position, target) if self._takeover else None

    def displaced(self, target: float) -> None:
        """Something else moved the knob to ``target``."""
        self._position = None
        if self._takeover:
            self._takeover.displaced(target)

    def rearm(self) -> None:
        """Let go of the knob, as after a bank change."""
        self._position = None
        if self._takeover:
            self._takeover.rearm()

    def _turn(self, event: Event, now_ns: int, target: float) -> float | None:
        count = ticks(self._control.encoding, event.value)
        if not count:
            return None
        before = target if self._position is None else self._position
        after = before + self._acceleration.move(count, now_ns)
        if self._control.wrap:
            # Only beyond the ends: 0 and 1 themselves are two values, not one.
            after = after % 1.0 if not 0.0 <= after <= 1.0 else after
        self._position = min(1.0, max(0.0, after))
        return self._position


def raw_value(event: Event, bits: int) -> int:
    """The event's value at the control's resolution: 7-bit devices send coarse halves only."""
    if bits == 7 and event.kind in (EventKind.NRPN, EventKind.RPN, EventKind.PITCH_BEND):
        return event.value >> 7
    return event.value
