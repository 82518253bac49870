"""One MIDI message: bytes in, an Event out. Pure, and safe on garbage."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class EventKind(StrEnum):
    """What an event is about; the first seven are what a mapping can name."""

    CC = "cc"
    CC14 = "cc14"
    NOTE = "note"
    NRPN = "nrpn"
    RPN = "rpn"
    PITCH_BEND = "pitch_bend"
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
    number = "" if event.kind is EventKind.PITCH_BEND else f" {event.number}"
    value = "" if event.kind is EventKind.PROGRAM_CHANGE else f" = {event.value}"
    return f"{name}{number} channel {event.channel}{value}"
