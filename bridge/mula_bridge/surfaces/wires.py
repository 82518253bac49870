"""The cords of a patch, between the outlets and inlets of boxes. Pure."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from typing import Generic, NamedTuple, TypeVar

Box = TypeVar("Box", int, str)
"""What a patcher calls a box by: its number, or its name."""


class Port(NamedTuple, Generic[Box]):
    """One inlet or outlet of a box."""

    box: Box
    number: int = 0


@dataclass
class Wires(Generic[Box]):
    """A patch's cords, in the order in which they were made."""

    cords: list[tuple[Port[Box], Port[Box]]] = field(default_factory=list, init=False)

    def cord(self, source: Box | Port[Box], target: Box | Port[Box]) -> None:
        """Connect an outlet to an inlet; a box alone means its first."""
        self.cords.append((_port(source), _port(target)))

    def chain(self, *ends: Box | Port[Box]) -> Box:
        """Connect each box to the next; the last."""
        for source, target in itertools.pairwise(ends):
            self.cord(source, target)
        return _port(ends[-1]).box


def _port(end: Box | Port[Box]) -> Port[Box]:
    return end if isinstance(end, Port) else Port(end)
