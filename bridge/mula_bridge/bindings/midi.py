"""Between MIDI and the session: events to commands, reports to lights. Pure."""

from __future__ import annotations

from collections import abc
from dataclasses import dataclass, field
from typing import Final

from mula_bridge.bindings.hand import Hand, raw_value
from mula_bridge.control import Action, Knobs, KnobValue, Lamps, Travel
from mula_bridge.control.messages import (
    Command,
    Failed,
    KnobChanged,
    Origin,
    Report,
    SetKnob,
    quantised,
)
from mula_bridge.mapping import Binding, Control, KnobTarget, Light, Mapping
from mula_bridge.midi import Decoder, Event, EventKind, parse, port_matches

HOLD_NS = 250_000_000
"""For so long after a control was moved its light is left alone, so as not to fight the hand."""

_ANY_PROGRAM = -1
_ANY_CHANNEL = 0
_Address = tuple[EventKind, int, int]


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One message for every output port that ``output`` (a pattern) matches."""

    output: str
    data: bytes


@dataclass(slots=True)
class _Shown:
    """What one binding's light has to know."""

    channel: int = 1
    moved_ns: int | None = None
    heard: int | None = None  # what the control last sent
    raw: tuple[int, KnobValue] | None = None  # what it sent when it set the knob, and to what
    waiting: bool = False
    answered: Event | None = None  # the last message of a button that its light was told after
    again: tuple[Event | None, int] = None, 0  # what it was told then, and when


@dataclass(slots=True)
class _Port:
    decoder: Decoder
    table: dict[_Address, int]  # to an index into the bindings
    hands: dict[int, Hand] = field(default_factory=dict)


class MidiRouter:
    """Turns what ports say into commands, and what the session reports into feedback.

    ``knobs`` are the values to start from. Times are ``perf_counter_ns``. Not
    thread-safe: one thread calls it.
    """

    HEARD: Final[tuple[type[Report], ...]] = (KnobChanged, *Lamps.HEARD)
    """The reports that it makes anything of."""

    def __init__(self, mapping: Mapping, knobs: abc.Mapping[str, KnobValue] | None = None) -> None:
        self._bindings = mapping.bindings
        self._values: dict[str, KnobValue] = dict(Knobs() if knobs is None else knobs)
        self._lamps = Lamps()
        self._shown = [_Shown() for _ in mapping.bindings]
        self._ports: dict[str, _Port] = {}

    def remapped(self, mapping: Mapping) -> MidiRouter:
        """A router for another mapping that knows what this one has heard."""
        other = MidiRouter(mapping, self._values)
        other._lamps = self._lamps
        return other

    # --- from the controllers -----------------------------------------------------------------

    def receive(
        self, port: str, data: abc.Sequence[int], now_ns: int
    ) -> list[tuple[Command, Origin]]:
        """The commands that one complete message from ``port`` means. Never raises on bytes."""
        state = self._ports.get(port)
        if state is None:
            state = self._ports[port] = self._listen(port)
        sent = []
        for event in state.decoder.decode(data):
            index = _find(state.table, event)
            if index is None:
                continue
            command = self._command(index, state, event, now_ns)
            if command is not None:
                name = self._bindings[index].control.name
                command = quantised(command, self._bindings[index].quantum)
                sent.append((command, Origin("midi", (port, name), name, now_ns)))
        return sent

    def forget(self, port: str) -> None:
        """The port is gone; when it comes back its controls take over anew."""
        self._ports.pop(port, None)

    def rearm(self) -> None:
        """Every control lets go of its knob, as after a bank change."""
        for state in self._ports.values():
            for hand in state.hands.values():
                hand.rearm()

    def _listen(self, port: str) -> _Port:
        table: dict[_Address, int] = {}
        pairs = {}
        for index, binding in enumerate(self._bindings):
            if not port_matches(binding.controller.input, port):
                continue
            control = binding.control
            number = _ANY_PROGRAM if control.number is None else control.number
            table[control.kind, number, control.channel or _ANY_CHANNEL] = index
            if control.kind is EventKind.CC14:
                for channel in (control.channel,) if control.channel else range(1, 17):
                    pairs[channel, number] = control.order
        return _Port(Decoder(pairs), table)

    def _command(self, index: int, state: _Port, event: Event, now_ns: int) -> Command | None:
        binding, shown = self._bindings[index], self._shown[index]
        hand = state.hands.get(index)
        if hand is None:
            hand = state.hands[index] = Hand(binding)
        shown.channel = event.channel
        if (isinstance(binding.target, Action) or binding.control.button) and not _is_echo(
            shown, event, now_ns
        ):
            # Some boxes put a button's light out by themselves.
            shown.waiting, shown.answered = True, event
        if isinstance(binding.target, Action):
            return self._act(binding.target, event) if hand.pressed(event, now_ns) else None
        travel = binding.target.travel
        here = travel.position(self._values[travel.knob.name])
        if binding.control.button:
            if not hand.pressed(event, now_ns):
                return None
            return self._turn(travel, 0.0 if here >= 0.5 else 1.0)
        raw = raw_value(event, binding.control.bits)
        shown.moved_ns, shown.heard = now_ns, None if hand.relative else raw
        position = hand.move(event, now_ns, here)
        if position is None:
            shown.waiting = True  # a ring that went along with the hand goes back to its knob
            return None
        command = self._turn(travel, position)
        exact = not hand.relative and position == binding.control.position(raw)
        shown.raw = (raw, self._values[travel.knob.name]) if exact else None
        return command

    def _act(self, action: Action, event: Event) -> Command:
        number = event.number if event.kind is EventKind.PROGRAM_CHANGE else None
        return self._lamps.press(action, number)

    def _turn(self, travel: Travel, position: float) -> SetKnob:
        # Believed before it is reported: the next event may come first.
        self._values[travel.knob.name] = travel.value(position)
        return travel.command(position)

    # --- to the controllers -------------------------------------------------------------------

    def hear(self, report: Report, mover: Origin | None, now_ns: int) -> list[Outgoing]:
        """What lights to change for a report; ``mover`` is who caused it, if anyone is known."""
        if isinstance(report, KnobChanged):
            self._values[report.name] = report.value
            return self._knob_changed(report.name, mover, now_ns)
        if isinstance(report, Failed) and (mover is None or mover.source != "midi"):
            return []  # nothing that was pressed here
        if not self._lamps.hear(report):
            return []
        return [
            message
            for index, binding in enumerate(self._bindings)
            if isinstance(binding.target, Action)
            for message in self._show(index)
        ]

    def due(self, now_ns: int) -> list[Outgoing]:
        """The lights that were left alone for a hand that has come to rest since."""
        messages = []
        for index, shown in enumerate(self._shown):
            if shown.waiting and not self._is_held(shown, now_ns):
                shown.waiting = False
                if not self._stands_there(index):
                    told = self._show(index)
                    messages += told
                    if told:
                        shown.again = parse(told[0].data), now_ns
        return messages

    def next_due_ns(self) -> int | None:
        """When ``due`` will have something; None: not before the next report."""
        return min(((s.moved_ns or 0) + HOLD_NS for s in self._shown if s.waiting), default=None)

    def everything(self) -> list[Outgoing]:
        """Every light, for a port that was just connected or a preset or bank that changed."""
        return [message for index in range(len(self._bindings)) for message in self._show(index)]

    def _knob_changed(self, name: str, mover: Origin | None, now_ns: int) -> list[Outgoing]:
        messages = []
        peer = mover.peer if mover is not None and mover.source == "midi" else None
        for index, binding in enumerate(self._bindings):
            target, control = binding.target, binding.control
            if not isinstance(target, KnobTarget) or target.travel.knob.name != name:
                continue
            position = target.travel.position(self._values[name])
            own = False
            for port, state in self._ports.items():
                if peer == (port, control.name):
                    own = True
                elif index in state.hands:
                    state.hands[index].displaced(position)
            shown = self._shown[index]
            if control.motorized or control.button:
                messages += self._show(index)
            elif own or self._is_held(shown, now_ns):
                shown.waiting = True
            else:
                messages += self._show(index)
        return messages

    def _is_held(self, shown: _Shown, now_ns: int) -> bool:
        return shown.moved_ns is not None and now_ns - shown.moved_ns < HOLD_NS

    def _stands_there(self, index: int) -> bool:
        """Whether the control itself last sent what it would be sent."""
        binding, heard = self._bindings[index], self._shown[index].heard
        position = self._position(binding)
        if binding.control.light is not None or position is None:
            return False
        return heard == self._raw(index, position)

    def _raw(self, index: int, position: float) -> int:
        """The value that shows ``position``: what the control itself sent for it, if it did.

        So 64 comes back as 64, also from a knob that rounds.
        """
        target, sent = self._bindings[index].target, self._shown[index].raw
        if isinstance(target, KnobTarget) and sent is not None:
            raw, value = sent
            if value == self._values[target.travel.knob.name]:
                return raw
        return self._bindings[index].control.raw(position)

    def _show(self, index: int) -> list[Outgoing]:
        binding, channel = self._bindings[index], self._shown[index].channel
        control, output = binding.control, binding.controller.output
        position = self._position(binding)
        if output is None or not binding.feedback or position is None:
            return []
        if control.light is not None:
            data = _light_bytes(control.light, position, control, channel)
        else:
            data = _bytes(control, self._raw(index, position), channel)
        return [Outgoing(output, message) for message in data]

    def _position(self, binding: Binding) -> float | None:
        """Where 0..1 a light has to stand; None when there is no state to show."""
        target = binding.target
        if isinstance(target, KnobTarget):
            position = target.travel.position(self._values[target.travel.knob.name])
            return float(position >= 0.5) if binding.control.button else position
        if not target.row.has_state:
            return None
        return float(self._lamps.is_on(target))


def _is_echo(shown: _Shown, event: Event, now_ns: int) -> bool:
    """Whether a port gives back again and again what a light was just told, as a loop of cables
    does: to answer that would never end."""
    told, told_ns = shown.again
    return event == told == shown.answered and now_ns - told_ns < HOLD_NS


def _find(table: abc.Mapping[_Address, int], event: Event) -> int | None:
    """The binding of an event: its own channel and number before any channel, any program."""
    any_number = [_ANY_PROGRAM] if event.kind is EventKind.PROGRAM_CHANGE else []
    for number in (event.number, *any_number):
        for channel in (event.channel, _ANY_CHANNEL):
            index = table.get((event.kind, number, channel))
            if index is not None:
                return index
    return None


# --- what a light, ring or motor is sent --------------------------------------------------------


def _bytes(control: Control, raw: int, channel: int) -> list[bytes]:
    """The messages that put ``control`` itself at ``raw``, at its own resolution.

    ``channel`` 1..16 is where to speak when the control listens to any.
    """
    channel = (control.channel or channel) - 1
    number = control.number or 0
    coarse, fine = (raw >> 7, raw & 0x7F) if control.bits == 14 else (raw, 0)
    change = 0xB0 | channel
    match control.kind:
        case EventKind.CC:
            return [bytes((change, number, raw))]
        case EventKind.CC14:
            return [bytes((change, number, coarse)), bytes((change, number + 32, fine))]
        case EventKind.NOTE:
            return [bytes((0x90 | channel, number, raw))]
        case EventKind.PITCH_BEND:
            return [bytes((0xE0 | channel, fine, coarse))]
        case EventKind.PRESSURE:
            return [bytes((0xD0 | channel, raw))]
        case EventKind.NRPN | EventKind.RPN:
            select = 99 if control.kind is EventKind.NRPN else 101
            messages = [
                bytes((change, select, number >> 7)),
                bytes((change, select - 1, number & 0x7F)),
                bytes((change, 6, coarse)),
            ]
            return messages if control.bits == 7 else [*messages, bytes((change, 38, fine))]
    return []


def _light_bytes(light: Light, position: float, control: Control, channel: int) -> list[bytes]:
    """The message that puts a light of its own at ``position`` 0..1 between off and on."""
    status = 0xB0 if light.kind is EventKind.CC else 0x90
    channel = (light.channel or control.channel or channel) - 1
    value = light.off + round(position * (light.on - light.off))
    return [bytes((status | channel, light.number, value))]
