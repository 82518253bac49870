"""The straight line through beats: their tempo, and how far they stray from it. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from msgspec import Struct

from mula_daemon.beats.tracker import Curve, Pulse

FEWEST_BEATS: Final = 6
NEAR_SECONDS: Final = 0.025
"""A beat this near to the line is on it."""
STEADY_SHARE: Final = 0.55
STEADY_RMS: Final = 0.030
CLEAR: Final = 2.0
"""See `Pulse.clarity`."""
_AGREES: Final = 0.008
"""Beats as they were found may differ so much from the tempo of the whole, and mean the same."""
_ROUNDS: Final = 8


class BeatGrid(Struct, frozen=True):
    """Beats at ``first + n * 60 / bpm`` seconds, n from 0, and what is known of them.

    ``drift_rms`` and ``drift_largest`` are distances of the found beats from the line, in
    seconds, those that miss it included; ``steadiness`` is the share of the beats there should
    be that were found within 25 ms of it, ``clarity`` that of the pulse. ``bar`` is which beat, 0
    to beats_per_bar - 1, begins a bar: an estimate, the one whose low end is heaviest.
    """

    bpm: float
    first: float
    drift_rms: float
    drift_largest: float
    steadiness: float
    bar: int
    clarity: float

    @property
    def period(self) -> float:
        """Seconds of a beat."""
        return 60.0 / self.bpm

    @property
    def problem(self) -> str:
        """Why it is not steady enough to be cut by, in plain words; empty where it is."""
        if self.clarity < CLEAR:
            return "nothing in it repeats steadily enough to be a beat"
        if self.steadiness < STEADY_SHARE:
            return f"only {self.steadiness:.0%} of its beats are near a steady {self.bpm:.1f} BPM"
        if self.drift_rms > STEADY_RMS:
            return (
                f"its beats stray {1000 * self.drift_rms:.0f} ms from a steady {self.bpm:.1f} BPM"
            )
        return ""


def best(pulses: Sequence[Pulse], beats_per_bar: int = 4) -> BeatGrid | None:
    """The grid of the first of several pulses that is steady, else the steadiest; None without."""
    grids = [grid for pulse in pulses if (grid := fit(pulse, beats_per_bar)) is not None]
    steady = (grid for grid in grids if not grid.problem)
    return next(steady, max(grids, key=lambda grid: grid.steadiness, default=None))


def fit(pulse: Pulse, beats_per_bar: int = 4) -> BeatGrid | None:
    """The grid that most beats lie on; None where there are too few to tell."""
    times = pulse.times
    if len(times) < FEWEST_BEATS:
        return None
    numbers = _numbers(times)
    first, period = _line(times, numbers)
    # Who is far from the line has no say in it; a few rounds, and nobody moves any more.
    for _ in range(_ROUNDS):
        numbers = np.round((times - first) / period).astype(int)
        distance = np.abs(times - first - numbers * period)
        near = distance <= max(NEAR_SECONDS, float(np.median(distance)))
        if np.ptp(numbers[near]) < FEWEST_BEATS - 1:
            break
        first, period = _line(times[near], numbers[near])
    if abs(period * pulse.bpm / 60 - 1) < _AGREES:
        # What all of the sound says is finer than what single beats do.
        period = 60 / pulse.bpm
        first = float(np.median(times[near] - numbers[near] * period))
    first += int(numbers[0]) * period
    numbers = numbers - numbers[0]
    stray = times - first - numbers * period
    on_line = np.unique(numbers[np.abs(stray) <= NEAR_SECONDS])
    return BeatGrid(
        bpm=60.0 / period,
        first=first,
        drift_rms=float(np.sqrt(np.mean(stray**2))),
        drift_largest=float(np.abs(stray).max()),
        steadiness=len(on_line) / (int(numbers[-1]) + 1),
        bar=_bar(numbers, pulse.weights, beats_per_bar),
        clarity=pulse.clarity,
    )


def _numbers(times: Curve) -> Curve:
    """How many beats each lies after the first, from the gaps between them."""
    gaps = np.diff(times)
    return np.concatenate([[0], np.cumsum(np.maximum(1, np.round(gaps / np.median(gaps))))])


def _line(times: Curve, numbers: Curve) -> tuple[float, float]:
    """Least squares: the time of beat 0, and seconds for a beat."""
    period, first = np.polyfit(numbers, times, 1)
    return float(first), float(period)


def _bar(numbers: Curve, weights: Curve, beats_per_bar: int) -> int:
    sums = [
        float(weights[numbers % beats_per_bar == beat].mean())
        if (numbers % beats_per_bar == beat).any()
        else 0.0
        for beat in range(beats_per_bar)
    ]
    return int(np.argmax(sums))
