"""Errors that reach a musician. Each names the thing, the place and the remedy."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Final

LIKENESS: Final = 0.6
"""How like a name has to be, 0..1, to be proposed in place of another one."""


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
    found = difflib.get_close_matches(name, list(valid), n=1, cutoff=LIKENESS)
    return found[0] if found else None
