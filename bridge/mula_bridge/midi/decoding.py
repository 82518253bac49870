"""What one MIDI input port says, as Events: bytes in, events out. Pure, and safe on garbage."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType


class EventKind(StrEnum):
    """What an event is about; the first eight are what a mapping can name."""

    CC = "cc"
    CC14 = "cc14"
    NOTE = "note"
    NRPN = "nrpn"
    RPN = "rpn"
    PITCH_BEND = "pitch_bend"
    PRESSURE = "pressure"
    PROGRAM_CHANGE = "program_change"
    CLOCK = "clock"
    START = "start"
    CONTINUE = "continue"
    STOP = "stop"
    SONG_POSITION = "song_position"


@dataclass(frozen=True, slots=True)
class Event:
    """One thing a controller said.

    ``channel`` is 1..16, 0 for clock and transport. ``number`` is the controller,
    note, program or parameter, 0 where there is none. ``value`` is 0..127, and
    0..16383 for CC14, NRPN, RPN, PITCH_BEND (8192 is the middle) and
    SONG_POSITION (in sixteenths); a note's value is its velocity, 0 when it ends.
    """

    kind: EventKind
    channel: int
    number: int
    value: int


_REAL_TIME = {
    0xF8: EventKind.CLOCK,
    0xFA: EventKind.START,
    0xFB: EventKind.CONTINUE,
    0xFC: EventKind.STOP,
}


def parse(data: Sequence[int]) -> Event | None:
    """The event of one complete message, None for anything else. Never raises on bytes."""
    if not data:
        return None
    status, rest = data[0], data[1:]
    if any(byte > 0x7F for byte in rest):
        return None
    if not rest:
        kind = _REAL_TIME.get(status)
        return Event(kind, 0, 0, 0) if kind else None
    channel = (status & 0x0F) + 1
    if len(rest) == 1:
        if status & 0xF0 == 0xC0:
            return Event(EventKind.PROGRAM_CHANGE, channel, rest[0], rest[0])
        if status & 0xF0 == 0xD0:
            return Event(EventKind.PRESSURE, channel, 0, rest[0])
        return None
    if len(rest) == 2:
        return _three_bytes(status, channel, rest[0], rest[1])
    return None


def _three_bytes(status: int, channel: int, first: int, second: int) -> Event | None:
    if status == 0xF2:
        return Event(EventKind.SONG_POSITION, 0, 0, second << 7 | first)
    match status & 0xF0:
        case 0x80:
            return Event(EventKind.NOTE, channel, first, 0)
        case 0x90:
            return Event(EventKind.NOTE, channel, first, second)
        case 0xB0:
            return Event(EventKind.CC, channel, first, second)
        case 0xE0:
            return Event(EventKind.PITCH_BEND, channel, 0, second << 7 | first)
    return None


def describe(event: Event) -> str:
    """The event for people, as in ``cc 16 channel 1 = 64``."""
    if not event.channel:
        position = f" = {event.value}" if event.kind is EventKind.SONG_POSITION else ""
        return f"{event.kind.replace('_', ' ')}{position}"
    name = event.kind.replace("_", " ")
    number = "" if event.kind in (EventKind.PITCH_BEND, EventKind.PRESSURE) else f" {event.number}"
    value = "" if event.kind is EventKind.PROGRAM_CHANGE else f" = {event.value}"
    return f"{name}{number} channel {event.channel}{value}"


# --- 14-bit control changes: two 7-bit halves, controller N (coarse) and N + 32 (fine) ---------


class Order(StrEnum):
    """Which half of a 14-bit pair a controller sends first."""

    MSB_FIRST = "msb_first"
    LSB_FIRST = "lsb_first"


class Pairs:
    """Puts the halves of one port's 14-bit controllers together.

    ``orders`` says which (channel 1..16, controller 0..31) are pairs, and how they
    are sent. Not thread-safe.
    """

    def __init__(self, orders: Mapping[tuple[int, int], Order]) -> None:
        self._orders = orders
        self._coarse: dict[tuple[int, int], int] = {}
        self._fine: dict[tuple[int, int], int] = {}

    def join(self, event: Event) -> Event | None:
        """The CC14 event that a CC event makes known, if it belongs to a pair.

        Coarse first: a coarse half counts at once, as the standard has it, and the
        fine half refines it. Fine first: the coarse half completes the value.
        """
        if event.kind is not EventKind.CC or event.number > 63:
            return None
        key = (event.channel, event.number % 32)
        order = self._orders.get(key)
        if order is None:
            return None
        if event.number < 32:
            self._coarse[key] = event.value
            fine = self._fine.get(key, 0) if order is Order.LSB_FIRST else 0
            return self._joined(key, fine)
        self._fine[key] = event.value
        if order is Order.LSB_FIRST or key not in self._coarse:
            return None
        return self._joined(key, event.value)

    def _joined(self, key: tuple[int, int], fine: int) -> Event:
        channel, number = key
        return Event(EventKind.CC14, channel, number, self._coarse[key] << 7 | fine)


# --- NRPN and RPN: a parameter is selected by two control changes, then set by one or two -------

_DATA_COARSE, _DATA_FINE = 6, 38
_SELECT = {
    99: (EventKind.NRPN, True),
    98: (EventKind.NRPN, False),
    101: (EventKind.RPN, True),
    100: (EventKind.RPN, False),
}
_NULL = (127, 127)


@dataclass(slots=True)
class _Channel:
    kind: EventKind = EventKind.NRPN
    coarse: int | None = None  # halves of the parameter number
    fine: int | None = None
    data_coarse: int | None = None
    data_fine: int | None = None
    fine_first: bool = False


class Parameters:
    """Follows the selected parameter of each channel of one port. Not thread-safe."""

    def __init__(self) -> None:
        self._channels: dict[int, _Channel] = {}

    def join(self, event: Event) -> Event | None:
        """The NRPN or RPN event (value 0..16383) that a CC event completes, if any.

        Data entry may come coarse first (which then counts at once) or fine first:
        the first half after a selection tells.
        """
        if event.kind is not EventKind.CC:
            return None
        if event.number in _SELECT:
            self._select(event)
            return None
        state = self._channels.get(event.channel)
        if state is None or state.coarse is None or state.fine is None:
            return None
        if (state.coarse, state.fine) == _NULL:
            return None
        if event.number == _DATA_COARSE:
            state.data_coarse = event.value
            fine = (state.data_fine or 0) if state.fine_first else 0
        elif event.number == _DATA_FINE:
            if state.data_coarse is None:
                state.fine_first = True
            state.data_fine = fine = event.value
            if state.fine_first:
                return None
        else:
            return None
        number = state.coarse << 7 | state.fine
        return Event(state.kind, event.channel, number, (state.data_coarse or 0) << 7 | fine)

    def _select(self, event: Event) -> None:
        kind, is_coarse = _SELECT[event.number]
        old = self._channels.get(event.channel, _Channel())
        coarse, fine = (old.coarse, old.fine) if old.kind is kind else (None, None)
        if is_coarse:
            coarse = event.value
        else:
            fine = event.value
        self._channels[event.channel] = _Channel(kind, coarse, fine)


class Decoder:
    """Bytes of one port to events, with the state that 14-bit pairs and (N)RPN need.

    ``pairs`` names the 14-bit controllers as (channel 1..16, controller 0..31).
    One per port; not thread-safe. No byte sequence makes it raise.
    """

    def __init__(self, pairs: Mapping[tuple[int, int], Order] = MappingProxyType({})) -> None:
        self._pairs = Pairs(pairs)
        self._parameters = Parameters()

    def decode(self, data: Sequence[int]) -> tuple[Event, ...]:
        """The events of one complete message: none for garbage.

        A control change comes as itself and, where it completes one, also as the
        CC14, NRPN or RPN event; whoever routes picks what is mapped.
        """
        event = parse(data)
        if event is None:
            return ()
        joined = self._pairs.join(event), self._parameters.join(event)
        return (event, *(more for more in joined if more))
