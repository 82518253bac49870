"""One address as OSCQuery sees it: what may be sent to it, and which values make sense. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Any, NamedTuple

from mula_bridge.control import Knob
from mula_bridge.osc import Args

Json = dict[str, Any]


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
