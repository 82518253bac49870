"""MIDI learn: watch what is touched, and tell what control it is. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from mula_bridge.bindings.learn_guess import (
    Guess,
    find_ends,
    guess_change,
    guess_position,
    join_halves,
)
from mula_bridge.control import knob
from mula_bridge.errors import BadInput
from mula_bridge.midi import Decoder, Event, EventKind, port_pattern

REST_NS: Final = 500_000_000
"""A control that has said nothing new for so long has been turned as far as it will be."""
DOUBT_NS: Final = 3_000_000_000
"""The same for one that may only tremble: another may be touched meanwhile."""
LONGEST_TURN_NS: Final = 10_000_000_000
"""After so long a control is taken as it is, though it says something new all the time."""
GIVE_UP_NS: Final = 60_000_000_000
"""Learning ends by itself when nothing could be learnt for so long."""

_CHANNEL_MODE = range(120, 128)
_BANK_SELECT = (0, 32)
_DATA_ENTRY = (6, 38, 96, 97)
_SELECT = range(98, 102)
_MOST_VALUES: Final = 1024  # of one control: its ends may be among the last
_MOST_CONTROLS: Final = 256  # of one channel, besides its control changes
_LOOK_NS: Final = 50_000_000


class GaveUp(BadInput):
    """Nothing could be learnt; the text says why."""

    code = "learn"


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
class _Values:
    """All that one control said: its numbers, and when it last said a new one."""

    all: list[int] = field(default_factory=list)
    fine: list[int] = field(default_factory=list)  # second halves, as they came
    seen: set[int] = field(default_factory=set)
    grown_ns: int = 0

    def add(self, value: int, now_ns: int) -> None:
        if value not in self.seen:
            self.seen.add(value)
            self.grown_ns = now_ns
        if len(self.all) == _MOST_VALUES:
            del self.all[_MOST_VALUES // 2]
        self.all.append(value)


@dataclass(slots=True)
class _Pair:
    """Two control changes 32 apart, as long as they may be the halves of one."""

    halves: list[tuple[bool, int]] = field(default_factory=list)  # fine or not, and the value
    neighbours: int = 0  # how often the halves came one after the other


@dataclass(slots=True)
class _HeardChannel:
    """One channel of one port."""

    changes: dict[int, _Values] = field(default_factory=dict)
    pairs: dict[int, _Pair] = field(default_factory=dict)
    others: dict[tuple[EventKind, int], _Values] = field(default_factory=dict)
    last: int | None = None  # the last control change
    programs: bool = False
    selects: bool = False  # (N)RPN


@dataclass(frozen=True, slots=True)
class _Candidate:
    port: str
    channel: int
    source: Mapping[str, str | int]
    guess: Guess
    values: _Values
    top: int = 0  # of a control with a position


class Learner:
    """Learns one control for ``knob``; raises UnknownName for a knob that is not there.

    Ask the musician to turn it slowly to the right: that is how the direction of an
    encoder is told. Of several the one that is moved the farthest is meant.
    ``any_channel`` learns it on every channel. Not thread-safe; times are
    ``perf_counter_ns``.
    """

    def __init__(self, knob_name: str, *, any_channel: bool = False) -> None:
        self.knob = knob(knob_name).name
        self.there: Sequence[str] = ()
        """The names of all input ports that there are, where they are known."""
        self._any_channel = any_channel
        self._decoders: dict[str, Decoder] = {}
        self._heard: dict[tuple[str, int], _HeardChannel] = {}
        self._refused: set[int] = set()
        self._began_ns: int | None = None
        self._look_ns = 0  # when to judge again
        self._leader: tuple[object, int] = None, 0  # which control it may be, and since when

    def hear(self, port: str, data: Sequence[int], now_ns: int = 0) -> Learnt | None:
        """What it is as far as can be told by now; None: go on turning.

        Raises BadInput for a control that must not be used, once, and goes on listening.
        """
        self.listen(port, data, now_ns)
        best = self._best()
        if best is None or not (best.guess.sure or self._is_alone(best)):
            return None
        return self._learnt(best)

    def listen(self, port: str, data: Sequence[int], now_ns: int) -> None:
        """Take note of a message, to be judged when the hand rests. Raises as ``hear`` does."""
        events = self._decoders.setdefault(port, Decoder()).decode(data)
        if not events or not events[0].channel:
            return
        channel = self._heard.setdefault((port, events[0].channel), _HeardChannel())
        event = events[-1]  # an NRPN rather than the control change that completed it
        match event.kind:
            case EventKind.PROGRAM_CHANGE:
                channel.programs = True
            case EventKind.CC:
                self._hear_change(channel, event, now_ns)
            case EventKind.NOTE if not event.value:
                pass
            case _:
                _hear_other(channel, events[0], event, now_ns)

    def due(self, now_ns: int) -> Learnt | None:
        """What is learnt, once the hand has come to rest.

        Raises GaveUp, with the reason, when nothing could be learnt for long.
        """
        if self._began_ns is None:
            self._began_ns = now_ns
        if now_ns < self._look_ns:
            return None
        self._look_ns = now_ns + _LOOK_NS
        best = self._best()
        if best is not None:
            leader = (best.port, best.channel, next(iter(best.source.items())))
            if leader != self._leader[0]:
                self._leader = leader, now_ns
            rest = REST_NS if best.guess.sure else DOUBT_NS
            turned = now_ns - self._leader[1]
            if now_ns - best.values.grown_ns >= rest or turned >= LONGEST_TURN_NS:
                return self._learnt(best)
        elif now_ns - self._began_ns >= GIVE_UP_NS:
            raise GaveUp(self._reason())
        return None

    def _hear_change(self, channel: _HeardChannel, event: Event, now_ns: int) -> None:
        number, value = event.number, event.value
        if number in _CHANNEL_MODE:
            if number not in self._refused:
                self._refused.add(number)
                raise BadInput(
                    f"cc {number} is not for knobs: 120 to 127 are commands to instruments"
                )
            return
        channel.selects = channel.selects or number in _SELECT
        channel.changes.setdefault(number, _Values()).add(value, now_ns)
        if number < 64:
            _note_pair(channel, number, value)
        channel.last = number

    # --- judging ------------------------------------------------------------------------------

    def _best(self) -> _Candidate | None:
        """The control that was moved the farthest; of two alike the one that was touched first."""
        return max(self._candidates(), key=lambda found: found.guess.way, default=None)

    def _is_alone(self, found: _Candidate) -> bool:
        """Whether nothing else moves."""
        moving = [
            values
            for channel in self._heard.values()
            for values in (*channel.changes.values(), *channel.others.values())
            if len(values.seen) > 1
        ]
        return all(values is found.values for values in moving)

    def _candidates(self) -> Iterator[_Candidate]:
        for (port, number), channel in self._heard.items():
            for source, guess, values, top in _judged(channel):
                yield _Candidate(port, number, source, guess, values, top)

    def _learnt(self, found: _Candidate) -> Learnt:
        ends: Mapping[str, str] = {}
        if found.top:
            low, high = find_ends(found.values.all, found.top)
            if (low, high) != (0, found.top):
                ends = {"ends": f"[{low}, {high}]"}
        channel = {} if self._any_channel else {"channel": found.channel}
        source = {**found.source, **found.guess.shape, **ends, **channel}
        return Learnt(self.knob, port_pattern(found.port, self.there), source)

    def _reason(self) -> str:
        """Why nothing was learnt, in a sentence."""
        again = f"nothing was learnt for {self.knob}"
        if not self._heard:
            return f"{again}: no MIDI control spoke; is its port in 'mula midi ports'?"
        banks = [
            (number, cc)
            for (_, number), channel in self._heard.items()
            for cc in _BANK_SELECT
            if channel.programs and cc in channel.changes
        ]
        if banks:
            number, cc = banks[0]
            return (
                f"{again}: cc {cc} came with program changes, which is how banks are selected; if "
                f"it is a knob all the same, write {{from: {{cc: {cc}, channel: {number}}}, to: "
                f"{self.knob}}} into a map of yours"
            )
        if any(channel.programs for channel in self._heard.values()):
            return f"{again}: a program change cannot turn a knob; a map can let it load presets"
        moved = [
            (len(values.seen), f"cc {cc} on channel {number}", values)
            for (_, number), channel in self._heard.items()
            for cc, values in channel.changes.items()
            if not (channel.selects and cc in (*_DATA_ENTRY, *_SELECT))
        ]
        if not moved:
            return (
                f"{again}: what was touched sent neither where it stands nor how far it turned; "
                "'mula midi monitor' shows what it sends"
            )
        _, name, values = max(moved, key=lambda row: row[0])
        low, high = min(values.seen), max(values.seen)
        between = f"only {low}" if low == high else f"no more than {low} to {high}"
        return f"{again}: {name} sent {between}; turn it farther, slowly and to the right"


_Judged = tuple[Mapping[str, str | int], Guess, _Values, int]


def _judged(channel: _HeardChannel) -> Iterator[_Judged]:
    """What each control of a channel seems to be: its source, the guess, what it said, its top."""
    halves = {number for number in channel.pairs if _are_halves(channel, number)}
    parameters = any(kind in (EventKind.NRPN, EventKind.RPN) for kind, _ in channel.others)
    for number, values in channel.changes.items():
        if number - 32 in halves or (number in _BANK_SELECT and channel.programs):
            continue
        if channel.selects and number in _DATA_ENTRY:
            continue
        if number in halves and set(channel.changes[number + 32].seen) - {0, 127}:
            joined, order = join_halves(channel.pairs[number].halves)
            guess = guess_position(joined, 16383)
            if guess is not None:
                grown_ns = max(values.grown_ns, channel.changes[number + 32].grown_ns)
                whole = _Values(joined, grown_ns=grown_ns)
                yield {"cc": number, "bits": 14, "order": order}, guess, whole, 16383
            continue
        if number in _SELECT:
            guess = None if parameters else guess_position(values.all, 127)
        else:
            guess = guess_change(values.all)
        if guess is not None:
            yield {"cc": number}, guess, values, 0 if guess.shape else 127
    notes = any(kind is EventKind.NOTE for kind, _ in channel.others)
    for (kind, number), values in channel.others.items():
        if kind is EventKind.NOTE:
            yield {"note": number}, Guess({}, 0.05), values, 0
        elif kind is EventKind.PRESSURE:
            guess = None if notes else guess_position(values.all, 127)
            if guess is not None:
                yield {"pressure": "true"}, guess, values, 127
        elif kind in (EventKind.NRPN, EventKind.RPN, EventKind.PITCH_BEND):
            yield from _judged_fine(kind, number, values)


def _judged_fine(kind: EventKind, number: int, values: _Values) -> Iterator[_Judged]:
    """A control of 14 bits, or of 7 where its fine half never changes."""
    source: dict[str, str | int] = {str(kind): number}
    if kind is EventKind.PITCH_BEND:
        source = {str(kind): "true"}
    if len(set(values.fine)) > 1:
        guess = guess_position(values.all, 16383)
        if guess is not None:
            yield source, guess, values, 16383
        return
    coarse = _Values(
        [value >> 7 for value in values.all],
        seen=values.seen,
        grown_ns=values.grown_ns,
    )
    guess = guess_position(coarse.all, 127)
    if guess is not None:
        yield {**source, "bits": 7}, guess, coarse, 127


def _hear_other(channel: _HeardChannel, first: Event, event: Event, now_ns: int) -> None:
    """Take note of what is no control change alone; ``first`` is what completed it."""
    key = (event.kind, event.number)
    if key not in channel.others and len(channel.others) == _MOST_CONTROLS:
        return
    values = channel.others.setdefault(key, _Values())
    fine = event.value & 0x7F
    if event.kind is EventKind.PITCH_BEND:
        values.fine.append(fine)
    elif event.kind in (EventKind.NRPN, EventKind.RPN):
        second = first.number == 38
        if second and channel.last == 6 and values.all:
            values.all.pop()  # what the coarse half alone made of it
        if second or fine:
            values.fine.append(fine)
        channel.last = first.number
    del values.fine[:-_MOST_VALUES]
    values.add(event.value, now_ns)


def _note_pair(channel: _HeardChannel, number: int, value: int) -> None:
    """Take note of a control change 0..63 as one half of two that are 32 apart."""
    pair = channel.pairs.setdefault(number % 32, _Pair())
    pair.neighbours += channel.last == (number + 32) % 64
    pair.halves.append((number >= 32, value))
    del pair.halves[:-_MOST_VALUES]


def _are_halves(channel: _HeardChannel, coarse: int) -> bool:
    """Whether two control changes 32 apart belong together: they come side by side, and are not
    a fader and a button of a box that numbers them so."""
    both = (coarse, coarse + 32)
    if not channel.changes.keys() >= set(both):
        return False
    counts = [len(channel.changes[number].all) for number in both]
    return channel.pairs[coarse].neighbours >= max(2, min(counts) // 2)
