"""What the arguments of an OSC address mean, and how what came is coerced to it. Pure.

Controllers disagree on types: one sends a button as ``f 1.0``, the next as ``T``, a
patch sends numbers as text. Whatever has one obvious meaning is taken.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import isfinite
from typing import Final

from mula_bridge.control import Knob
from mula_bridge.osc.values import IMPULSE, Value

Args = tuple[Value, ...]
BANG: Final = "bang"
"""What Pd and Max send of an impulse: this word, as text."""


class ArgKind(StrEnum):
    """The meaning of one argument."""

    KNOB = "knob"
    """In the knob's own unit; the name of a choice for a knob that has choices."""
    NUMBER = "number"
    WHOLE = "whole"
    TEXT = "text"
    SWITCH = "switch"
    TRIGGER = "trigger"
    NAME_OR_NUMBER = "name or number"
    ANY = "any"


_WORDS = {
    ArgKind.NUMBER: ("f", "a number"),
    ArgKind.WHOLE: ("i", "a whole number"),
    ArgKind.TEXT: ("s", "text"),
    ArgKind.SWITCH: ("i", "0 or 1"),
    ArgKind.TRIGGER: ("i", "nothing, or 1 to fire and 0 not to"),
    ArgKind.NAME_OR_NUMBER: ("s|i", "a name, or a number from 1"),
    ArgKind.ANY: ("any", "anything"),
}


@dataclass(frozen=True, slots=True)
class Argument:
    """One argument of an address; ``repeats`` means that any number may come."""

    name: str
    kind: ArgKind
    optional: bool = False
    repeats: bool = False

    @property
    def asks(self) -> bool:
        """Whether leaving it out asks for the value that is set."""
        return self.optional and self.kind in (
            ArgKind.KNOB,
            ArgKind.NUMBER,
            ArgKind.SWITCH,
            ArgKind.TEXT,
        )

    def tag(self, knob: Knob | None = None) -> str:
        """The OSC type that it is sent as ("any" where that is open)."""
        if self.kind is not ArgKind.KNOB:
            return _WORDS[self.kind][0]
        if knob is None:
            return "value"
        return "s" if knob.choices else "i" if knob.integer else "f"

    def words(self, knob: Knob | None = None) -> str:
        """What it is, for an error message."""
        if self.kind is not ArgKind.KNOB:
            return _WORDS[self.kind][1]
        if knob is None:
            return "a value"
        if knob.choices:
            return f"one of {knob.choices[0]}..{knob.choices[-1]} or its number"
        kind = "a whole number" if knob.integer else "a number"
        return f"{kind} {knob.minimum:g}..{knob.maximum:g} {knob.unit}".rstrip()


class Mismatch(Exception):
    """An argument that has no meaning where it stands; the text says what came."""

    def __init__(self, args: Sequence[Value]) -> None:
        super().__init__(_described(args[0]) if len(args) == 1 else f"{len(args)} arguments")


def is_question(args: Args) -> bool:
    """No argument, or one without a value, asks for what is set."""
    return not args or (len(args) == 1 and (args[0] is None or args[0] is IMPULSE))


def single(args: Args) -> Value:
    """The only argument. Raises Mismatch when there are more, or none."""
    if len(args) != 1:
        raise Mismatch(args)
    return args[0]


def number(value: Value) -> float:
    """A number, from a number, true or false, or digits. Raises Mismatch."""
    if isinstance(value, int | float):
        return value + 0  # a bool becomes 0 or 1
    try:
        if isinstance(value, str) and isfinite(parsed := float(value)):
            return parsed
    except ValueError:
        pass
    raise Mismatch((value,))


def whole(value: Value) -> int:
    """A number without a fraction. Raises Mismatch."""
    exact = number(value)
    if exact != int(exact):
        raise Mismatch((value,))
    return int(exact)


def text(value: Value) -> str:
    """Text; a number as it is written, for tags such as 808. Raises Mismatch."""
    if isinstance(value, str):
        return value
    if isinstance(value, int | float) and not isinstance(value, bool):
        return f"{value:g}" if isinstance(value, float) else str(value)
    raise Mismatch((value,))


def fires(args: Args) -> bool:
    """Whether a trigger fires: on nothing, an impulse, true or nonzero; 0 is a release."""
    if not args:
        return True
    value = single(args)
    return value is IMPULSE or (value is not None and number(value) != 0)


def is_release(args: Args) -> bool:
    """Whether this is a plain 0, false or nil and nothing else: all that a safety command, such
    as panic, does not fire on. In a hurry nobody looks at types."""
    try:
        return not fires(args)
    except Mismatch:
        return False


def with_impulses(args: Args) -> Args:
    """The arguments, with an impulse for every ``bang``."""
    return tuple([IMPULSE if value == BANG else value for value in args]) if BANG in args else args


def _described(value: Value) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case int() | float():
            return f"the number {value:g}"
        case str():
            shown = value if len(value) <= 40 else value[:40] + "..."
            return f"the text {shown!r}"
        case bytes():
            return f"a blob of {len(value)} bytes"
        case None:
            return "nil"
        case _:
            return "an impulse"
