from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mula_daemon.engine.mini.synth.grid import Grid

tempos = st.floats(40, 240)


@given(tempos, st.integers(1, 64), st.sampled_from([44_100, 48_000, 96_000]))
def test_bars_last_exactly(bpm, bars, rate):
    exact = Fraction(bars * 4 * 60 * rate) / Fraction(bpm)
    assert Grid(bpm, rate).start(16 * bars) == round(exact)


@given(tempos, st.integers(0, 10_000))
def test_frames_differ_by_a_sample_at_most(bpm, frame):
    grid = Grid(bpm, 48_000)
    length = grid.start(frame + 1) - grid.start(frame)
    assert abs(length - grid.sixteenth) < 1.0


def test_a_whole_number_of_samples_stays_whole():
    assert [Grid(120, 48_000).start(frame) for frame in range(4)] == [0, 6000, 12000, 18000]


@pytest.mark.parametrize("bpm", [39.9, 240.1, 0, -120, float("nan"), float("inf")])
def test_impossible_tempos_are_refused(bpm):
    with pytest.raises(ValueError, match="bpm"):
        Grid(bpm, 48_000)


def test_impossible_rates_are_refused():
    with pytest.raises(ValueError, match="sample rate"):
        Grid(120, 0)


@given(tempos, tempos, st.integers(0, 500), st.integers(1, 500))
def test_another_tempo_goes_on_where_the_first_was_left(bpm, other, frame, further):
    grid = Grid(bpm, 48_000).at_tempo(other, frame)
    assert grid.start(frame) == Grid(bpm, 48_000).start(frame)
    assert abs(grid.start(frame + further) - grid.start(frame) - further * grid.sixteenth) <= 1
