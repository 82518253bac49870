"""How well a take keeps a tempo, what was cut of it, and what is said of that. Pure.

A fit is part of a take's recipe.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import log2
from typing import Final

from msgspec import Struct

from mula_daemon.files import Number, Positive

SPARE_BARS: Final = 1
"""Bars made beyond those asked for, so that as many are left once the cut begins at a bar line."""


class Fit(Struct, frozen=True, forbid_unknown_fields=True):
    """The tempo that was found in a take, and the piece that was cut out of it.

    ``asked_bpm`` and ``asked_bars`` are the request's, ``spare_bars`` what was made beyond them.
    ``bpm`` is None where no beat was found. ``drift_ms`` and ``most_drift_ms`` are the root mean
    square and the largest distance of its beats from a steady ``bpm``; ``steadiness`` 0..1 is the
    share of beats within 25 ms of it. ``start_s`` is where in the made sound the clip begins,
    ``fade_ms`` how long the seam of its loop is cross-faded; both 0 where nothing was cut.
    ``problem`` says why it was not, in plain words.
    """

    asked_bpm: Positive
    asked_bars: int
    spare_bars: int
    bpm: Positive | None
    drift_ms: Number = 0.0
    most_drift_ms: Number = 0.0
    steadiness: Number = 0.0
    start_s: Number = 0.0
    fade_ms: Number = 0.0
    trimmed: bool = False
    problem: str = ""

    @property
    def strain(self) -> float:
        """What takes are ranked by, least first: how far its tempo is from the one asked for, in
        cents of an octave's 1200, and a cent for each millisecond of drift. A DAW that warps the
        clip to the session hears both. Takes without a steady beat come last."""
        if self.bpm is None or self.problem:
            return float("inf")
        return abs(1200 * log2(self.bpm / self.asked_bpm)) + self.drift_ms

    def sentence(self, take: int, bars: int) -> str:
        """Of take number ``take``, from 1, that has landed with ``bars`` bars."""
        if self.bpm is None or self.problem:
            return f"take {take} lands as it was made: {self.problem or 'no beat was found'}"
        tempo = f"{self.bpm:.2f} BPM (asked {self.asked_bpm:g}), {self._drift}"
        if not self.trimmed:
            return f"take {take} has {tempo}; it was not cut"
        fewer = f" of {self.asked_bars}" if bars < self.asked_bars else ""
        return f"take {take} is cut to {bars}{fewer} bars of {tempo}"

    def __str__(self) -> str:
        if self.bpm is None or self.problem:
            return "no steady beat"
        return f"{self.bpm:.2f} BPM, {self._drift}"

    @property
    def _drift(self) -> str:
        return f"drift {self.drift_ms:.0f} ms, {self.most_drift_ms:.0f} at most"


def ranking(fits: Sequence[Fit]) -> str:
    """The takes of a job, numbered from 1, from the best tempo fit to the worst, in one line."""
    order = sorted(range(len(fits)), key=lambda take: fits[take].strain)
    return "takes by tempo, the best first: " + "; ".join(
        f"{take + 1} ({fits[take]})" for take in order
    )
