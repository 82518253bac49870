"""Errors that reach a musician. Each names the thing, the place and the remedy."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from functools import lru_cache
from heapq import nlargest
from itertools import pairwise
from typing import Final

LIKENESS: Final = 0.6
"""How like a name has to be, 0..1, to be proposed in place of another one."""

LOOKED_AT: Final = 8
"""So many names, those that share the most pairs of letters, are looked at closely: that takes
50 microseconds each, and whoever asks may be about to answer a ping."""


class MulaError(Exception):
    """Base of every error we raise on purpose.

    ``code`` is a short stable word for programs (it travels in ``/mula/error``);
    the message is a sentence for people.
    """

    code = "error"


class BadInput(MulaError):
    """What came in over OSC, MIDI, a file or the command line is wrong."""

    code = "bad_input"


class UnknownName(BadInput):
    """A name that is not in the table it was looked up in."""

    code = "unknown"

    def __init__(
        self, kind: str, name: str, valid: Iterable[str], meant: str | None = None
    ) -> None:
        """``meant`` is the hint where likeness is no guide."""
        self.name = name
        self.nearest = meant or nearest(name, valid)
        hint = f"; did you mean {self.nearest}?" if self.nearest else ""
        super().__init__(f"unknown {kind} {name!r}{hint}")


class Busy(MulaError):
    """A bounded queue is full; try again when a job has ended."""

    code = "busy"


class Unavailable(MulaError):
    """A device, port, folder or engine that cannot be had right now."""

    code = "unavailable"


def nearest(name: str, valid: Iterable[str]) -> str | None:
    """The valid name most like ``name``, or None when nothing is close."""
    wanted = _pairs(name)
    likely = nlargest(LOOKED_AT, valid, key=lambda one: _alike(wanted, _pairs(one)))
    found = difflib.get_close_matches(name, likely, n=1, cutoff=LIKENESS)
    return found[0] if found else None


@lru_cache(1024)
def _pairs(text: str) -> frozenset[str]:
    padded = f" {text} "
    return frozenset(map("".join, pairwise(padded)))


def _alike(one: frozenset[str], other: frozenset[str]) -> float:
    """How many pairs two texts share, 0..1 (Dice's coefficient)."""
    return 2 * len(one & other) / (len(one) + len(other))
