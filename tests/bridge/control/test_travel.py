"""The part of a knob's range that a control covers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mula_bridge.control.knobs import KNOBS, knob
from mula_bridge.control.messages.commands import SetKnob
from mula_bridge.control.travel import Travel
from mula_bridge.errors import BadInput

POSITION = st.floats(0, 1)


def test_without_a_range_it_is_the_knobs_own_travel() -> None:
    travel = Travel(knob("cfg"))
    assert travel.value(1.0) == 5.0
    assert travel.command(0.25) == SetKnob("cfg", 0.25, norm=True)


def test_a_range_is_in_real_units_and_may_go_beyond_the_travel() -> None:
    travel = Travel.between(knob("cfg"), 0.0, 7.0)
    assert (travel.value(0.0), travel.value(1.0)) == (0.0, 7.0)
    assert travel.command(1.0) == SetKnob("cfg", 7.0)


def test_a_falling_range_turns_the_other_way() -> None:
    travel = Travel.between(knob("cfg"), 4.0, 1.0)
    assert (travel.value(0.0), travel.value(1.0)) == (4.0, 1.0)
    assert travel.position(4.0) == 0.0


def test_a_range_bends_as_its_knob_does() -> None:
    assert Travel.between(knob("top_k"), 10, 90).value(0.5) == 30
    assert Travel.between(knob("temperature"), 0.5, 1.8).value(0.5) == 1.0
    assert Travel.between(knob("temperature"), 0.5, 0.9).value(0.5) == pytest.approx(0.7)


@pytest.mark.parametrize(
    ("name", "start", "end", "text"),
    [
        ("cfg", 0, 9, "outside"),
        ("cfg", 2, 2, "nothing to turn"),
        ("key", 0, 5, "choices"),
    ],
)
def test_ranges_that_make_no_sense(name: str, start: float, end: float, text: str) -> None:
    with pytest.raises(BadInput, match=text):
        Travel.between(knob(name), start, end)


@given(st.sampled_from(["cfg", "temperature", "bpm", "gain_db"]), POSITION, st.booleans())
def test_a_position_comes_back(name: str, position: float, flipped: bool) -> None:
    row = knob(name)
    ends = (row.minimum, row.maximum)
    travel = Travel.between(row, *(ends[::-1] if flipped else ends))
    assert travel.position(travel.value(position)) == pytest.approx(position, abs=1e-6)


@given(st.sampled_from(sorted(KNOBS)), st.floats(-2, 3))
def test_values_are_always_ones_the_knob_can_have(name: str, position: float) -> None:
    travel = Travel(knob(name))
    value = travel.value(position)
    assert knob(name).coerce(value) == value
    assert 0.0 <= travel.position(value) <= 1.0
