"""What a message to each address asks for: arguments to Command or Request. Pure.

The functions of ``read`` in the address table. Each takes the word that stands for
NAME in the address ("" where there is none) and the arguments, and raises Mismatch
for arguments that mean nothing there. None is a button's release: nothing to do.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from mula_bridge.control import BEATS_PER_BAR, KNOBS, MAX_BARS, parse_quantum
from mula_bridge.control.messages import (
    AuditionGain,
    AuditionQuantise,
    AuditionStep,
    Capture,
    ChooseClock,
    Command,
    Favourite,
    Judge,
    LearnKnob,
    Live,
    MakeMore,
    MorphPresets,
    NudgeKnob,
    Prompt,
    QueryKnob,
    Render,
    Reroll,
    ResetKnob,
    SetKnob,
    SetLyrics,
    SetTags,
    Status,
    ToggleTag,
)
from mula_bridge.osc import (
    IMPULSE,
    Args,
    Mismatch,
    Pattern,
    Value,
    fires,
    is_question,
    is_release,
    number,
    single,
    text,
    whole,
)

MAX_PATTERNS: Final = 8
"""Patterns in one subscription."""


@dataclass(frozen=True, slots=True)
class Ping:
    """Send the same arguments back."""


@dataclass(frozen=True, slots=True)
class QueryVersion:
    """Say which version runs."""


@dataclass(frozen=True, slots=True)
class Subscribe:
    """Send changes to ``port`` of the sender's host; None is the port it sends from."""

    port: int | None = None
    patterns: tuple[Pattern, ...] = ()


@dataclass(frozen=True, slots=True)
class Unsubscribe:
    """End the subscription of ``port``; None is every one that the sender made."""

    port: int | None = None


Request = Ping | QueryVersion | Subscribe | Unsubscribe
"""What the server does itself, without the session."""
REQUESTS: Final = (Ping, QueryVersion, Subscribe, Unsubscribe)
Reader = Callable[[str, Args], Command | Request | None]


def ping(_name: str, _args: Args) -> Ping:
    return Ping()


def trigger(make: Callable[[], Command | Request]) -> Reader:
    return lambda _, args: make() if fires(args) else None


def brake(make: Callable[[], Command]) -> Reader:
    """Ends something, on whatever is not the release of a button."""
    return lambda _, args: None if is_release(args) else make()


def trigger_with_id(make: Callable[[str | None], Command]) -> Reader:
    """Forms: nothing; a trigger; an id; a trigger and an id."""

    def read(_: str, args: Args) -> Command | None:
        rest, identity = _identity(args)
        return make(identity) if fires(rest) else None

    return read


def brake_with_id(make: Callable[[str | None], Command]) -> Reader:
    """Forms: an id; anything and an id; whatever is not the release of a button."""

    def read(_: str, args: Args) -> Command | None:
        rest, identity = _identity(args)
        return None if is_release(rest) else make(identity)

    return read


def render(_: str, args: Args) -> Command:
    """Forms: a clip's id; a clip's id and an id for the job."""
    if len(args) not in (1, 2) or not all(isinstance(value, str) and value for value in args):
        raise Mismatch(args)
    return Render(*map(str, args))


def learn(_: str, args: Args) -> Command:
    return LearnKnob(text(single(args)))


def step(by: int) -> Reader:
    return trigger(lambda: AuditionStep(by))


def judge(status: Status) -> Reader:
    return trigger_with_id(lambda clip: Judge(status, clip))


def switch(make: Callable[[bool | None], Command]) -> Reader:
    """Forms: on or off; nothing, to ask."""
    return lambda _, args: make(None if is_question(args) else number(single(args)) != 0)


def favourite(_: str, args: Args) -> Command:
    """Forms: on or off; on or off and a clip."""
    clip = text(args[1]) if len(args) == 2 else None
    return Favourite(number(single(args if clip is None else args[:1])) != 0, clip)


def quantise(_: str, args: Args) -> Command:
    """Forms: a quantum in words; a number of bars; nothing, to ask."""
    if is_question(args):
        return AuditionQuantise(None)
    value = single(args)
    if isinstance(value, str):
        return AuditionQuantise(parse_quantum(value))
    bars = whole(value)
    if not 0 <= bars <= MAX_BARS:
        raise Mismatch(args)
    return AuditionQuantise(bars * BEATS_PER_BAR)


def audition_gain(_: str, args: Args) -> Command:
    return AuditionGain(None if is_question(args) else number(single(args)))


def reroll(_: str, args: Args) -> Command | None:
    """Forms: nothing or a trigger; a clip; a clip and an id for the job."""
    if not any(isinstance(value, str) for value in args):
        return Reroll() if fires(args) else None
    if len(args) > 2:
        raise Mismatch(args)
    clip, *job = map(text, args)
    return Reroll(clip or None, *job)


def make_more(_: str, args: Args) -> Command | None:
    """Forms: nothing or a trigger; a clip, how many takes, and an id for the job."""
    if not any(isinstance(value, str) for value in args):
        return MakeMore() if fires(args) else None
    if len(args) > 3:
        raise Mismatch(args)
    clip = text(args[0])
    takes = whole(args[1]) if len(args) > 1 else None
    return MakeMore(clip or None, takes, *map(text, args[2:]))


def set_knob(*, norm: bool) -> Reader:
    def read(name: str, args: Args) -> Command:
        if len(args) == 1 and type(args[0]) is float:  # nearly every message there is
            return SetKnob(name, args[0], norm)
        if is_question(args):
            return QueryKnob(name, norm)
        value = single(args)
        if isinstance(value, str) and KNOBS[name].choices and not norm:
            return SetKnob(name, value)
        return SetKnob(name, number(value), norm)

    return read


def live(_: str, args: Args) -> Command:
    return Live(number(single(args)) != 0)


def capture(_: str, args: Args) -> Command | None:
    """Forms: nothing, an impulse or true; how many bars. 0 is a button's release."""
    if is_question(args) or args[0] is True:
        return Capture() if fires(args) else None
    bars = whole(single(args))
    return Capture(bars) if bars != 0 else None


def set_bpm(_: str, args: Args) -> Command:
    return QueryKnob("bpm") if is_question(args) else SetKnob("bpm", number(single(args)))


def choose_clock(_: str, args: Args) -> Command:
    return ChooseClock(None if is_question(args) else text(single(args)))


def nudge_knob(name: str, args: Args) -> Command:
    return NudgeKnob(name, number(single(args)))


def reset_knob(name: str, args: Args) -> Command | None:
    return ResetKnob(name) if fires(args) else None


def set_tags(prompt: Prompt) -> Reader:
    def read(_: str, args: Args) -> Command:
        if is_question(args):
            return SetTags(None, prompt)
        words = [word.strip() for value in args for word in text(value).split(",")]
        return SetTags(tuple(filter(None, words)), prompt)

    return read


def toggle_tag(name: str, args: Args) -> Command:
    return ToggleTag(name.replace("_", " "), number(single(args)) != 0)


def set_lyrics(_: str, args: Args) -> Command:
    return SetLyrics(None if is_question(args) else "\n".join(map(text, args)))


def preset(make: Callable[[str | int], Command]) -> Reader:
    def read(_: str, args: Args) -> Command | None:
        which = _name_or_number(single(args))
        return make(which) if which != 0 else None  # they count from 1: 0 is a release

    return read


def morph_presets(_: str, args: Args) -> Command:
    """Forms: 1.5 (halfway from the first to the second); two presets and how far."""
    if len(args) == 3:
        return MorphPresets(_name_or_number(args[0]), _name_or_number(args[1]), number(args[2]))
    place = number(single(args))
    if place < 1:
        raise Mismatch(args)
    one = int(place)
    # Exactly on the last preset there is no next one.
    return MorphPresets(one, one + 1 if place > one else one, place - one)


def subscribe(_: str, args: Args) -> Request:
    port = None
    args = _without_impulse(args)
    if args and not isinstance(args[0], str):
        port, args = _port(args), args[1:]
    if len(args) > MAX_PATTERNS:
        raise Mismatch(args)
    return Subscribe(port, tuple(map(_pattern, args)))


def unsubscribe(_: str, args: Args) -> Request:
    args = _without_impulse(args)
    single(args or (None,))
    return Unsubscribe(_port(args) if args else None)


def _identity(args: Args) -> tuple[Args, str | None]:
    """What stands before an id, and the id; None where none stands at the end."""
    if args and isinstance(args[-1], str):
        return args[:-1], args[-1] or None
    return args, None


def _without_impulse(args: Args) -> Args:
    return args[1:] if args and args[0] is IMPULSE else args


def _name_or_number(value: Value) -> str | int:
    if isinstance(value, str):
        return value
    index = whole(value)
    if index < 0:
        raise Mismatch((value,))
    return index


def _port(args: Args) -> int:
    port = whole(args[0])
    if not 0 < port < 65_536:
        raise Mismatch(args[:1])
    return port


def _pattern(value: Value) -> Pattern:
    if not isinstance(value, str) or not value.startswith("/"):
        raise Mismatch((value,))
    return Pattern(value)
