"""What ``mula bench gpu`` is asked for, and by which sections. Imports no torch."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

TOTAL_S: Final = 470.0
"""All sections together: whoever borrows a card by the minute can count on it."""


@dataclass(frozen=True)
class CardQuestions:
    """The same for every section. ``size`` is toy or 3b, ``reference`` a folder of vectors."""

    device: str = "cuda"
    size: str = "3b"
    seconds: float = 60.0
    """Of live play."""
    reference: str = ""

    @property
    def toy(self) -> bool:
        return self.size == "toy"


@dataclass(frozen=True)
class Section:
    """One part: ``module`` has a function ``measure``, which gives its figures.

    ``limit_s`` is for a card and the true size, its process's start included. ``live`` adds the
    seconds of live play.
    """

    letter: str
    module: str
    limit_s: float
    live: bool = False

    @property
    def name(self) -> str:
        return self.module.rpartition(".")[2]


def _section(letter: str, name: str, limit_s: float, *, live: bool = False) -> Section:
    return Section(letter, f"mula_daemon.bench.gpu.{name}", limit_s, live)


SECTIONS: Final = (
    _section("a", "environment", 60),
    _section("b", "parity", 60),
    _section("c", "graphs", 60),
    _section("d", "kernels", 90),
    _section("e", "frames", 120),
    _section("f", "codec", 90),
    _section("g", "live", 45, live=True),
    _section("h", "chain", 90),
    _section("i", "memory", 120),
)
"""What is right comes before what is quick: the time may not be enough for all of them."""


def default_reference() -> str:
    """MULA_REFERENCE, else the vectors beside the tests of a checkout; empty for neither."""
    named = os.environ.get("MULA_REFERENCE", "")
    beside = Path(__file__).parents[4] / "tests" / "data" / "heartmula_reference"
    return named or (str(beside) if beside.is_dir() else "")
