"""Cutting whole bars: laws that hold whatever the grid is."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from mula_daemon.beats.grid import BeatGrid
from mula_daemon.beats.trim import FADE_SECONDS, cut_of, loop_of

RATE = 8000


def at(bpm: float, first: float, bar: int = 0) -> BeatGrid:
    return BeatGrid(bpm, first, 0.0, 0.0, 1.0, bar, 9.0)


grids = st.builds(at, st.floats(60, 200), st.floats(0, 1.5), st.integers(0, 3))


@settings(deadline=None)
@given(grids, st.integers(1, 8), st.floats(1, 20))
def test_a_cut_is_whole_bars_from_a_bar_line_and_exactly_as_long(
    grid: BeatGrid, bars: int, seconds: float
) -> None:
    cut = cut_of(grid, round(seconds * RATE), RATE, bars)
    bar_s = 240 / grid.bpm
    if cut is None:
        assert seconds < 2 * bar_s
        return
    assert 1 <= cut.bars <= bars
    assert cut.length == round(cut.bars * 4 * 60 * RATE / Fraction(cut.bpm))
    assert 0 <= cut.start <= cut.start + cut.length <= round(seconds * RATE)
    lines = (cut.start / RATE - grid.first - grid.bar * grid.period) / bar_s
    # A bar line a little before the sound counts as its beginning.
    assert abs(lines - round(lines)) * bar_s < 0.031
    # As many bars as were asked for, or no more fit.
    assert cut.bars == bars or cut.start + cut.length + bar_s * RATE > seconds * RATE - 2


@settings(deadline=None)
@given(grids, st.integers(0, 2**32))
def test_the_seam_of_a_loop_is_no_larger_a_step_than_the_sound_has(
    grid: BeatGrid, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    time = np.arange(12 * RATE) / RATE
    tones = sum(np.sin(2 * np.pi * (hz * time + rng.random())) for hz in rng.uniform(50, 900, 6))
    sound = np.stack([tones, tones[::-1]], axis=1).astype(np.float32)
    cut = cut_of(grid, len(sound), RATE, 2)
    assert cut is not None
    loop, faded = loop_of(sound, cut, RATE)
    assert len(loop) == cut.length
    assert faded == FADE_SECONDS
    largest = np.abs(np.diff(sound, axis=0)).max()
    assert np.abs(loop[0] - loop[-1]).max() <= largest * 1.05
    changed = np.flatnonzero((loop != sound[cut.start : cut.start + cut.length]).any(axis=1))
    assert len(changed) <= FADE_SECONDS * RATE


def test_the_first_beat_keeps_its_attack_where_anything_comes_before_it() -> None:
    sound = np.random.default_rng(0).standard_normal((RATE * 6, 2)).astype(np.float32)
    cut = cut_of(at(120, 0.25), len(sound), RATE, 2)
    assert cut is not None
    loop, _ = loop_of(sound, cut, RATE)
    head = slice(cut.start, cut.start + RATE)
    assert np.array_equal(loop[:RATE], sound[head])


def test_a_sound_that_ends_with_its_last_bar_is_cut_all_the_same() -> None:
    sound = np.ones((RATE * 4, 2), np.float32)
    cut = cut_of(at(120, 0.0), len(sound), RATE, 2)
    assert cut is not None
    loop, faded = loop_of(sound, cut, RATE)
    assert (faded, len(loop)) == (0.0, RATE * 4)
