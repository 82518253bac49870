"""The line through beats: laws on beats whose line is known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mula_daemon.beats.grid import STEADY_RMS, fit
from mula_daemon.beats.tracker import Pulse


def pulse(
    times: np.ndarray, weights: np.ndarray | None = None, bpm: float = 30.0, clarity: float = 9.0
) -> Pulse:
    """At a tempo of the whole that the beats do not agree with, unless told otherwise."""
    return Pulse(times, np.ones(len(times)) if weights is None else weights, bpm, clarity)


@given(st.floats(60, 200), st.floats(0, 2), st.integers(12, 80), st.integers(0, 2**32))
def test_beats_of_a_steady_hand(bpm: float, first: float, count: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    times = first + np.arange(count) * 60 / bpm + rng.uniform(-0.004, 0.004, count)
    line = fit(pulse(times))
    assert line is not None
    assert line.bpm == pytest.approx(bpm, rel=0.004)
    assert line.first == pytest.approx(first, abs=0.01)
    assert line.drift_largest < 0.02 and line.steadiness == 1.0 and not line.problem


@given(st.integers(0, 3), st.integers(0, 2**32))
def test_a_bar_begins_where_the_low_end_is_heaviest(bar: int, seed: int) -> None:
    weights = np.random.default_rng(seed).uniform(0, 1, 32)
    weights[bar::4] += 1.5
    line = fit(pulse(np.arange(32) * 0.5, weights))
    assert line is not None and line.bar == bar


def test_missed_beats_are_missing_and_bend_nothing() -> None:
    times = np.delete(np.arange(40) * 0.5, [5, 6, 20])
    line = fit(pulse(times))
    assert line is not None
    assert line.bpm == pytest.approx(120.0)
    assert line.steadiness == pytest.approx(37 / 40)


def test_a_wandering_hand_is_no_steady_beat() -> None:
    times = np.cumsum(0.5 * (1 + 0.05 * np.sin(np.arange(40) / 6)))
    line = fit(pulse(times))
    assert line is not None
    assert line.drift_rms > STEADY_RMS
    assert "stray" in line.problem or "only" in line.problem


def test_the_tempo_of_the_whole_wins_where_beats_agree_with_it() -> None:
    times = np.arange(40) * 0.5 + np.random.default_rng(0).uniform(-0.02, 0.02, 40)
    line = fit(pulse(times, bpm=120.02))
    assert line is not None and line.bpm == pytest.approx(120.02)
    other = fit(pulse(times, bpm=125.0))
    assert other is not None and other.bpm == pytest.approx(120.0, abs=0.3)


def test_beats_of_what_repeats_nothing_are_none() -> None:
    line = fit(pulse(np.arange(40) * 0.5, clarity=1.3))
    assert line is not None and "repeats" in line.problem


def test_too_few_beats_are_no_line() -> None:
    assert fit(Pulse(np.zeros(0), np.zeros(0), 120.0, 0.0)) is None
    assert fit(pulse(np.arange(5) * 0.5)) is None
