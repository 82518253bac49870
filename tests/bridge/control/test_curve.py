"""The genre_strength curve: through its points, straight between them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mula_bridge.control.curve import Curve, Point
from mula_bridge.errors import BadInput, UnknownName

RECIPES = Curve(
    [
        Point(0.0, {"cfg": 1.5, "temperature": 1.0, "top_k": 50}),
        Point(0.6, {"cfg": 3.0, "temperature": 0.8, "top_k": 50}),
        Point(1.0, {"cfg": 4.0, "temperature": 0.75, "top_k": 30}),
    ]
)


def test_it_goes_through_its_points() -> None:
    for point in RECIPES.points:
        assert RECIPES.at(point.at) == dict(point.values)
    assert RECIPES.knobs == {"cfg", "temperature", "top_k"}


def test_it_is_straight_between_them_and_rounds_integers() -> None:
    middle = RECIPES.at(0.3)
    assert middle == {"cfg": 2.25, "temperature": pytest.approx(0.9), "top_k": 50}
    assert RECIPES.at(0.81)["top_k"] == 40
    assert isinstance(RECIPES.at(0.81)["top_k"], int)


@pytest.mark.parametrize("x", [-1.0, float("nan"), float("-inf")])
def test_the_first_point_holds_below(x: float) -> None:
    assert RECIPES.at(x) == RECIPES.at(0.0)


def test_the_last_point_holds_above() -> None:
    assert RECIPES.at(2.0) == RECIPES.at(1.0)


def test_one_point_is_a_curve() -> None:
    assert Curve([Point(0.5, {"cfg": 2.0})]).at(0.9) == {"cfg": 2.0}


@pytest.mark.parametrize(
    ("points", "text"),
    [
        ([], "at least one"),
        ([Point(0.5, {"cfg": 1.0}), Point(0.5, {"cfg": 2.0})], "rises"),
        ([Point(0.5, {"cfg": 1.0}), Point(0.2, {"cfg": 2.0})], "rises"),
        ([Point(0.0, {"cfg": 1.0}), Point(1.0, {"top_k": 2})], "same knobs"),
        ([Point(0.0, {})], "at least one knob"),
        ([Point(1.5, {"cfg": 1.0})], "0..1"),
        ([Point(0.0, {"cfg": 9.0})], "outside"),
        ([Point(0.0, {"key": "Amin"})], "no number"),
    ],
)
def test_what_is_no_curve_is_refused(points: list[Point], text: str) -> None:
    with pytest.raises(BadInput, match=text):
        Curve(points)


def test_an_unknown_knob_is_named() -> None:
    with pytest.raises(UnknownName, match="did you mean cfg"):
        Curve([Point(0.0, {"cgf": 1.0})])


@given(st.floats(0, 1), st.floats(0, 1))
def test_more_strength_never_means_less_guidance(a: float, b: float) -> None:
    low, high = sorted((a, b))
    assert RECIPES.at(low)["cfg"] <= RECIPES.at(high)["cfg"]  # type: ignore[operator]
