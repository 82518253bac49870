"""MIDI learn: watch what is touched, and guess what kind of control it is. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final

from mula_bridge.control import Encoding, knob
from mula_bridge.errors import BadInput
from mula_bridge.midi import Decoder, Event, EventKind

ENOUGH: Final = 6
"""How many messages of one control make a guess."""

_CHANNEL_MODE = range(120, 128)
_BANK_SELECT = (0, 32)
_PARAMETER_PARTS = (6, 38, 98, 99, 100, 101)
_SLOW = 8  # encoders turned by hand count fewer ticks than this a message

_Source = tuple[str, EventKind, int, int]


@dataclass(frozen=True, slots=True)
class Learnt:
    """The control that was touched for ``knob``.

    ``port`` is a pattern, so that the port is found again; ``source`` is the control
    as a mapping file writes it.
    """

    knob: str
    port: str
    source: Mapping[str, str | int]


@dataclass(slots=True)
class _HeardControl:
    values: list[int] = field(default_factory=list)
    fine: list[int] = field(default_factory=list)  # of the controller 32 above
    fine_first: bool = False


class Learner:
    """Learns one control for ``knob``; raises UnknownName for a knob that is not there.

    Ask the musician to turn it slowly to the right: that is how the direction of an
    encoder is told. ``forced`` allows the bank select controllers 0 and 32;
    ``any_channel`` learns it on every channel. Not thread-safe.
    """

    def __init__(self, knob_name: str, *, forced: bool = False, any_channel: bool = False) -> None:
        self.knob = knob(knob_name).name
        self._forced = forced
        self._any_channel = any_channel
        self._decoders: dict[str, Decoder] = {}
        self._heard: dict[_Source, _HeardControl] = {}

    def hear(self, port: str, data: Sequence[int]) -> Learnt | None:
        """What is learnt once there is enough to tell; None: go on turning.

        Raises BadInput for a control that must not be used, and goes on listening.
        """
        events = self._decoders.setdefault(port, Decoder()).decode(data)
        if not events:
            return None
        event = events[-1]  # an NRPN rather than the control change that completed it
        match event.kind:
            case EventKind.NOTE:
                return self._learnt(port, event, {"note": event.number}) if event.value else None
            case EventKind.NRPN | EventKind.RPN:
                source = {str(event.kind): event.number}
                return self._learnt(port, event, source) if self._count(port, event) else None
            case EventKind.PITCH_BEND:
                if not self._count(port, event):
                    return None
                return self._learnt(port, event, {"pitch_bend": "true"})
            case EventKind.CC:
                return self._hear_change(port, event)
        return None

    def _count(self, port: str, event: Event) -> bool:
        heard = self._heard.setdefault(
            (port, event.kind, event.channel, event.number), _HeardControl()
        )
        heard.values.append(event.value)
        return len(heard.values) >= ENOUGH

    def _hear_change(self, port: str, event: Event) -> Learnt | None:
        number = event.number
        if number in _CHANNEL_MODE:
            raise BadInput(f"cc {number} is not for knobs: 120 to 127 are commands to instruments")
        if number in _PARAMETER_PARTS:
            return None  # half of something that a later message completes
        if 32 <= number < 64:
            coarse = self._heard.get((port, event.kind, event.channel, number - 32))
            if coarse is not None:
                coarse.fine.append(event.value)
                return None
        if number in _BANK_SELECT and not self._forced:
            raise BadInput(
                f"cc {number} selects banks; learn it with force if it is a knob of yours"
            )
        key = (port, event.kind, event.channel, number)
        heard = self._heard.setdefault(key, _HeardControl())
        if not heard.values:
            fine = self._heard.pop((port, event.kind, event.channel, number + 32), None)
            if fine is not None and number < 32:
                heard.fine, heard.fine_first = fine.values, True
        heard.values.append(event.value)
        shape = _guess(heard)
        return None if shape is None else self._learnt(port, event, {"cc": number, **shape})

    def _learnt(self, port: str, event: Event, source: Mapping[str, str | int]) -> Learnt:
        channel = {} if self._any_channel else {"channel": event.channel}
        return Learnt(self.knob, port_pattern(port), {**source, **channel})


def _guess(heard: _HeardControl) -> dict[str, str | int] | None:
    values = heard.values
    if set(values) == {0, 127} and not heard.fine:
        return {"kind": "button"}
    if len(values) < ENOUGH:
        return None
    if len(heard.fine) >= ENOUGH - 1:
        return {"bits": 14, "order": "lsb_first" if heard.fine_first else "msb_first"}
    encoding = _encoding(values)
    return {} if encoding is Encoding.ABSOLUTE else {"mode": str(encoding)}


def _encoding(values: Sequence[int]) -> Encoding:
    """How an encoder that is first turned to the right counts, or ABSOLUTE.

    A knob with a position sends each value once and then its neighbour; an encoder
    repeats itself, and stays near the few numbers that mean a tick or two.
    """
    repeats = sum(a == b for a, b in pairwise(values))
    small = all(0 < value < _SLOW or value > 128 - _SLOW for value in values)
    middle = all(abs(value - 64) < _SLOW for value in values)
    signs = all(0 < value < _SLOW or 64 < value < 64 + _SLOW for value in values)
    if not repeats:
        return Encoding.ABSOLUTE
    if small:
        return Encoding.TWOS_COMPLEMENT
    if middle:
        return Encoding.BINARY_OFFSET
    if signs:
        return Encoding.SIGN_BIT_DEC if values[0] < 64 else Encoding.SIGN_BIT_INC
    return Encoding.ABSOLUTE


def port_pattern(port: str) -> str:
    """A pattern that finds the port again: numbers that systems append are left out."""
    name = re.sub(r"( \d+:\d+| \d+)$", "", port)
    return re.sub(r"([*?[])", r"[\1]", name) + "*"
