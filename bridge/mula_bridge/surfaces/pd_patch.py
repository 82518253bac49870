"""A Pure Data patch as it is built up: boxes, cords, subpatches; then its text. Pure.

The format is the one that Pd's manual describes: a record a line, boxes numbered in the order
in which they come, cords by those numbers.
"""

from __future__ import annotations

import itertools
from typing import NamedTuple


class PdPort(NamedTuple):
    """One inlet or outlet of a box."""

    box: int
    number: int = 0


class Canvas:
    """The boxes and cords of one window; ``name`` is a subpatch's."""

    def __init__(self, width: int, height: int, name: str = "") -> None:
        self._head = f"#N canvas 60 60 {width} {height} {name or 10}{' 0' if name else ''};"
        self._name = name
        self._boxes: list[str] = []
        self._cords: list[str] = []

    def add(self, record: str) -> int:
        """A record such as ``obj 10 20 netsend``; its number."""
        self._boxes.append(f"#X {record};")
        return len(self._boxes) - 1

    def obj(self, x: int, y: int, text: str) -> int:
        """An object box."""
        return self.add(f"obj {x} {y} {text}")

    def msg(self, x: int, y: int, text: str) -> int:
        """A message box."""
        return self.add(f"msg {x} {y} {text}")

    def text(self, x: int, y: int, words: str) -> int:
        """A comment."""
        return self.add(f"text {x} {y} {words}")

    def subpatch(self, x: int, y: int, inside: Canvas) -> int:
        """Another canvas as a box of this one."""
        self._boxes.append(f"{inside.body()}\n#X restore {x} {y} pd {inside._name};")
        return len(self._boxes) - 1

    def cord(self, source: int | PdPort, target: int | PdPort) -> None:
        """Connect an outlet to an inlet; a number alone means the first."""
        ends = [end if isinstance(end, PdPort) else PdPort(end) for end in (source, target)]
        self._cords.append(
            f"#X connect {ends[0].box} {ends[0].number} {ends[1].box} {ends[1].number};"
        )

    def chain(self, *ends: int | PdPort) -> int:
        """Connect each box to the next; the number of the last."""
        for source, target in itertools.pairwise(ends):
            self.cord(source, target)
        last = ends[-1]
        return last if isinstance(last, int) else last.box

    def body(self) -> str:
        """Its records, without a newline at the end."""
        return "\n".join([self._head, *self._boxes, *self._cords])

    def __str__(self) -> str:
        return self.body() + "\n"
