"""The nodes of an OSCQuery namespace, built from the address table. Pure.

A node is one address: what may be sent to it, and which values make sense.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Final, NamedTuple

from mula_bridge.api import Row, addresses
from mula_bridge.control import Knob
from mula_bridge.osc import ArgKind, Args, Argument

Json = dict[str, Any]

_PART: Final = ("travel", "fraction")
"""Arguments that go from 0 to 1."""
_CONTAINERS: Final = {
    "/": "mulabridge: a music model that is steered while it generates.",
    "/mula": "Everything the daemon takes and says.",
    "/mula/knob": "Every knob, in its own unit.",
    "/mula/norm": "Every knob, by its travel 0..1.",
}


class Access(IntEnum):
    """What may be done with a node's value."""

    NOTHING = 0
    READ = 1
    WRITE = 2
    BOTH = 3


class Range(NamedTuple):
    """The values that make sense: an interval, or a list."""

    low: float | None = None
    high: float | None = None
    values: tuple[str, ...] = ()

    @property
    def json(self) -> Json:
        """As it stands in RANGE."""
        return {"VALS": list(self.values)} if self.values else {"MIN": self.low, "MAX": self.high}


@dataclass(frozen=True, slots=True)
class Node:
    """One address: ``type`` are OSC type tags; ``names`` and ``ranges`` have an entry for each."""

    path: str
    description: str
    type: str = ""
    access: Access = Access.NOTHING
    names: tuple[str, ...] = ()
    ranges: tuple[Range | None, ...] = ()
    tags: tuple[str, ...] = ()
    overloads: tuple[str, ...] = ()
    knob: Knob | None = None

    @property
    def critical(self) -> bool:
        """Whether losing a message would be noticed: what is done once, not over and over."""
        return self.access is Access.WRITE and self.type == "I"

    @property
    def clips(self) -> bool:
        """Whether values outside the range are taken as the nearest one inside."""
        writable = self.access is Access.BOTH
        return writable and any(one is not None and not one.values for one in self.ranges)

    def fit(self, args: Args) -> Args:
        """What was sent to or from it, as many arguments as ``type`` has tags."""
        if self.type == "s" and len(args) != 1:
            return (", ".join(map(str, args)),)
        missing: Args = ("",) * (len(self.type) - len(args))
        return (*args[: len(self.type)], *missing)


def clean_path(path: str) -> str:
    """A path as nodes have it: without a slash at its end."""
    return path.rstrip("/") or "/"


def build_nodes(presets: tuple[str, ...]) -> dict[str, Node]:
    """A node for every address and every container, by path; parents come first.

    ``presets`` are the names that can be loaded.
    """
    methods = {path: _node(path, row, knob, presets) for path, row, knob in addresses.concrete()}
    wild = {
        row.template.partition("/NAME")[0]: f"{row.template}: {row.description}"
        for row in addresses.ROWS
        if "NAME" in row.template and not row.names
    }
    nodes: dict[str, Node] = {}
    for path in (*wild, *methods):
        for parent in _parents(path):
            nodes.setdefault(parent, Node(parent, _CONTAINERS.get(parent, "")))
        nodes[path] = methods.get(path) or Node(path, wild[path])
    return nodes


def _node(path: str, row: Row, knob: Knob | None, presets: tuple[str, ...]) -> Node:
    asks = row.takes is None or all(one.kind is ArgKind.TRIGGER for one in row.takes)
    if row.gives is not None:
        access = Access.READ if asks else Access.BOTH
        arguments = row.gives
    else:
        # What may be left out of a command is left out; OVERLOADS has the other forms.
        access = Access.WRITE
        takes = row.takes or ()
        arguments = tuple(one for one in takes if not one.optional) or takes[:1]
    if not row.gives and not row.takes:
        access = Access.NOTHING
    description = row.description
    if knob is not None:
        description = f"{knob.description} {description}"
    return Node(
        path=path,
        description=description,
        type="".join(_tag(argument, knob) for argument in arguments),
        access=access,
        names=tuple(argument.name for argument in arguments),
        ranges=tuple(_range(argument, knob, presets) for argument in arguments),
        tags=_tags(access, knob, row),
        overloads=tuple(_overloads(row)) if access is Access.WRITE else (),
        knob=knob,
    )


def _tag(argument: Argument, knob: Knob | None) -> str:
    match argument.kind:
        case ArgKind.TRIGGER | ArgKind.ANY:
            return "I"
        case ArgKind.NAME_OR_NUMBER:
            return "s"
    return argument.tag(knob)


def _range(argument: Argument, knob: Knob | None, presets: tuple[str, ...]) -> Range | None:
    if argument.kind is ArgKind.KNOB and knob is not None:
        if knob.choices:
            return Range(values=knob.choices)
        return span(knob, knob.minimum, knob.maximum)
    if argument.name in _PART:
        return Range(0.0, 1.0)
    return Range(values=presets) if argument.name == "preset" and presets else None


def span(knob: Knob, low: float, high: float) -> Range:
    """From ``low`` to ``high`` in the knob's own unit, as whole numbers where it has only these."""
    return Range(int(low), int(high)) if knob.integer else Range(float(low), float(high))


def _overloads(row: Row) -> Iterator[str]:
    kinds = [argument.kind for argument in row.takes or ()]
    if kinds == [ArgKind.TRIGGER, ArgKind.TEXT]:
        yield "s"
    if kinds[:1] == [ArgKind.NAME_OR_NUMBER]:
        yield "i" if len(kinds) == 1 else "f"
    if len(kinds) > 1 and kinds[0] is ArgKind.NAME_OR_NUMBER:
        yield "".join(_tag(argument, None) for argument in row.takes or ())


def _tags(access: Access, knob: Knob | None, row: Row) -> tuple[str, ...]:
    if knob is not None:
        return ("knob", f"effect:{knob.effect}")
    if access is Access.READ:
        return ("report",)
    return ("text",) if row.takes and row.takes[0].asks and row.gives else ("action",)


def _parents(path: str) -> Iterator[str]:
    """From the root down."""
    parts = path.split("/")[1:-1]
    yield "/"
    for count in range(1, len(parts) + 1):
        yield "/" + "/".join(parts[:count])
