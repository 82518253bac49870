"""Between foreign OSC layouts and the session: bound addresses to commands, reports back. Pure.

A touch screen or a DAW has addresses of its own; mapping files bind them to knobs and
actions. The daemon's addresses (addresses.py) need no binding and cannot be bound.
"""

from __future__ import annotations

from collections import abc
from dataclasses import dataclass
from threading import Lock

from mula_bridge.control import Action, Knobs, KnobValue, Lamps, Takeover, takeover
from mula_bridge.control.messages import Command, KnobChanged, QueryKnob, Report, SetKnob, quantised
from mula_bridge.errors import BadInput
from mula_bridge.mapping import KnobTarget, Mapping, OscBinding
from mula_bridge.osc import (
    Args,
    Mismatch,
    fires,
    is_question,
    is_release,
    number,
    single,
    with_impulses,
)


class Unbound(KeyError):
    """No mapping binds this address, or not any more."""


@dataclass(slots=True)
class _Bound:
    """One binding, and what its control last did."""

    binding: OscBinding
    takeover: Takeover | None = None
    sent: tuple[float, KnobValue] | None = None  # the number that set the knob, and to what


class OscBindings:
    """The bound addresses of a mapping. Any thread may call it.

    ``knobs`` are the values to start from.
    """

    def __init__(
        self, mapping: Mapping | None = None, knobs: abc.Mapping[str, KnobValue] | None = None
    ) -> None:
        self._lock = Lock()
        self._values: dict[str, KnobValue] = dict(Knobs() if knobs is None else knobs)
        self._lamps = Lamps()
        self._bound: dict[str, _Bound] = {}
        self._bindings: tuple[OscBinding, ...] = ()
        self._shares: list[OscBindings] = []
        if mapping is not None:
            self.reload(mapping)

    def reload(self, mapping: Mapping) -> None:
        """Use another mapping from the next message on; what was heard is still known."""
        self._bind(mapping.osc)

    def share(self) -> OscBindings:
        """The same addresses for controls at another place, which follow these when reloaded.

        What a hand did there is not what it did here: a fader there has to pick its knob up
        after a move of one here.
        """
        with self._lock:
            share = OscBindings(knobs=self._values)
            share._bind(self._bindings)
            self._shares.append(share)
        return share

    def _bind(self, bindings: tuple[OscBinding, ...]) -> None:
        with self._lock:
            self._bindings = bindings
            self._bound = {binding.control.address: _bound(binding) for binding in bindings}
            for share in self._shares:
                share._bind(bindings)

    def __contains__(self, address: object) -> bool:
        return address in self._bound

    def __len__(self) -> int:
        return len(self._bound)

    def command(self, address: str, args: Args) -> Command | None:
        """What a message to a bound address asks for.

        None: nothing, as for the release of a button or a fader that has not picked its
        knob up yet. A knob without an argument is a question. Raises BadInput that says
        what came and what is expected; Unbound.
        """
        bound = self._bound.get(address)  # one look: a reload may come at any moment
        if bound is None:
            raise Unbound(address)
        with self._lock:
            try:
                command = self._act(bound, with_impulses(args))
            except Mismatch as came:
                control = bound.binding.control
                expected = f"a number {control.low:g} to {control.high:g}"
                if isinstance(bound.binding.target, Action) or control.button:
                    expected = "nothing, or a number that is not 0 when it is pressed"
                raise BadInput(f"{address} takes {expected}; {came} came") from None
        if command is None or isinstance(command, QueryKnob):
            return command
        return quantised(command, bound.binding.quantum)

    def confirmation(self, address: str, args: Args, command: Command) -> Args | None:
        """What a bound control shows by itself once it has sent ``args``, so that it need not be
        told (see ``confirmation`` in ``api/echo.py``).

        Empty for a button, which springs back, and for what is not bound any more; None for a
        question.
        """
        if isinstance(command, QueryKnob):
            return None
        bound = self._bound.get(address)
        springs_back = bound is None or bound.binding.control.button
        return args if isinstance(command, SetKnob) and not springs_back else ()

    def hear(self, report: Report) -> list[tuple[str, Args]]:
        """The messages that tell bound controls of a report: address and arguments of each."""
        with self._lock:
            if isinstance(report, KnobChanged):
                name, self._values[report.name] = report.name, report.value
                return self._show(lambda bound: self._moved(bound, name))
            if not self._lamps.hear(report):
                return []
            return self._show(lambda bound: isinstance(bound.binding.target, Action))

    def lights(self) -> list[tuple[str, Args]]:
        """Where every bound action stands that has a state, for one that has just come and missed
        what was reported of it."""
        with self._lock:
            return self._show(lambda bound: isinstance(bound.binding.target, Action))

    def everything(self) -> list[tuple[str, Args]]:
        """Where every bound control stands, for one that has just come."""
        with self._lock:
            return self._show(lambda _: True)

    def _act(self, bound: _Bound, args: Args) -> Command | None:
        target, control = bound.binding.target, bound.binding.control
        if isinstance(target, Action):
            pressed = not is_release(args) if target.row.brakes else fires(args)
            return self._lamps.press(target) if pressed else None
        travel = target.travel
        here = travel.position(self._values[travel.knob.name])
        if control.button:
            if not fires(args):
                return None
            position = 0.0 if here >= 0.5 else 1.0
        else:
            if is_question(args):
                return QueryKnob(travel.knob.name, norm=True)
            came = number(single(args))
            way = (came - control.low) / (control.high - control.low)
            asked = min(1.0, max(0.0, way))
            found = bound.takeover.move(asked, here) if bound.takeover else asked
            if found is None:
                return None
            position = found
            # Told back as it came, though a knob rounds: a fader must not creep under a hand.
            bound.sent = (came, travel.value(position)) if position == way else None
        # Believed before it is reported: the next message may come first.
        self._values[travel.knob.name] = travel.value(position)
        return travel.command(position)

    def _moved(self, bound: _Bound, name: str) -> bool:
        """Whether a binding is of the knob ``name``, which has just changed."""
        target = bound.binding.target
        if not isinstance(target, KnobTarget) or target.travel.knob.name != name:
            return False
        if bound.takeover and (bound.sent is None or bound.sent[1] != self._values[name]):
            bound.takeover.displaced(target.travel.position(self._values[name]))
        return True

    def _show(self, wanted: abc.Callable[[_Bound], bool]) -> list[tuple[str, Args]]:
        shown: list[tuple[str, Args]] = []
        for address, bound in self._bound.items():
            if wanted(bound) and bound.binding.feedback:
                value = self._value(bound)
                if value is not None:
                    shown.append((address, (value,)))
        return shown

    def _value(self, bound: _Bound) -> float | None:
        """What a control is sent; None when there is no state to show."""
        target, control = bound.binding.target, bound.binding.control
        if isinstance(target, Action):
            if not target.row.has_state:
                return None
            return control.high if self._lamps.is_on(target) else control.low
        value = self._values[target.travel.knob.name]
        position = target.travel.position(value)
        if control.button:
            return control.high if position >= 0.5 else control.low
        if bound.sent is not None and bound.sent[1] == value:
            return bound.sent[0]
        return control.low + (control.high - control.low) * position


def _bound(binding: OscBinding) -> _Bound:
    target = binding.target
    if isinstance(target, Action) or binding.control.button:
        return _Bound(binding)
    return _Bound(binding, takeover(target.mode))
