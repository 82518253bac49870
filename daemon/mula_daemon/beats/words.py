"""What is said of the tempo of takes, in plain words. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from mula_daemon.beats.fit import Fit

MISSING: Final = (
    "the beats of this model's clips fall where they like: with pip install 'mulabridge[beats]' "
    "they are cut to whole bars (--beats off says nothing of it)"
)


def sentence(take: int, fit: Fit, bars: int) -> str:
    """Of take number ``take``, from 1, that has landed with ``bars`` bars."""
    if fit.bpm is None or fit.problem:
        return f"take {take} lands as it was made: {fit.problem or 'no beat was found'}"
    tempo = f"{fit.bpm:.2f} BPM (asked {fit.asked_bpm:g}), {_drift(fit)}"
    if not fit.trimmed:
        return f"take {take} has {tempo}; it was not cut"
    fewer = f" of {fit.asked_bars}" if bars < fit.asked_bars else ""
    return f"take {take} is cut to {bars}{fewer} bars of {tempo}"


def ranking(fits: Sequence[Fit]) -> str:
    """The takes of a job, numbered from 1, from the best tempo fit to the worst, in one line."""
    order = sorted(range(len(fits)), key=lambda take: fits[take].strain)
    return "takes by tempo, the best first: " + "; ".join(
        f"{take + 1} ({_short(fits[take])})" for take in order
    )


def _short(fit: Fit) -> str:
    if fit.bpm is None or fit.problem:
        return "no steady beat"
    return f"{fit.bpm:.2f} BPM, {_drift(fit)}"


def _drift(fit: Fit) -> str:
    return f"drift {fit.drift_ms:.0f} ms, {fit.most_drift_ms:.0f} at most"
