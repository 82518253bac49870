from __future__ import annotations

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mula_bridge.control.knobs import KNOBS, KnobValue
from mula_bridge.control.presets import Preset, find_preset, morph
from mula_bridge.errors import BadInput, UnknownName

PRESETS = {"soft": Preset({"cfg": 1.5}), "hard": Preset({"cfg": 3.5}, tags=("metal",))}


def values(name: str) -> st.SearchStrategy[KnobValue]:
    row = KNOBS[name]
    if row.choices:
        return st.sampled_from(row.choices)
    if row.integer:
        return st.integers(int(row.minimum), int(row.maximum))
    return st.floats(row.minimum, row.maximum)


presets = st.fixed_dictionaries({}, optional={name: values(name) for name in KNOBS}).map(Preset)


def test_presets_are_found_by_name_and_number() -> None:
    assert find_preset(PRESETS, "hard") is find_preset(PRESETS, 2)
    with pytest.raises(UnknownName, match="did you mean hard"):
        find_preset(PRESETS, "hart")
    for number in (0, 3, -1):
        with pytest.raises(BadInput, match="numbered 1 to 2"):
            find_preset(PRESETS, number)


@given(presets, presets)
def test_the_ends_of_a_morph_are_the_presets_themselves(one: Preset, other: Preset) -> None:
    assert morph(one, other, 0.0).knobs == one.knobs
    assert morph(one, other, 1.0).knobs == other.knobs


@given(presets, presets, st.floats(0, 1), st.floats(0, 1))
def test_a_morph_is_monotone_and_stays_between(
    one: Preset, other: Preset, at: float, later: float
) -> None:
    at, later = sorted((at, later))
    first, second = morph(one, other, at).knobs, morph(one, other, later).knobs
    for name in one.knobs.keys() & other.knobs.keys():
        if KNOBS[name].choices:
            continue
        start, end = float(one.knobs[name]), float(other.knobs[name])
        sign = math.copysign(1, end - start)
        path = [start, float(first[name]), float(second[name]), end]
        assert all(sign * (b - a) >= -1e-6 * max(1, abs(a)) for a, b in itertools.pairwise(path))


def test_a_morph_follows_the_taper_and_switches_texts_half_way() -> None:
    one = Preset({"top_k": 1, "key": "Amin", "seed": 3}, tags=("pop",), lyrics="la")
    other = Preset({"top_k": 250, "key": "Cmaj", "seed": 9}, tags=("techno",))
    before, after = morph(one, other, 0.49), morph(one, other, 0.5)
    assert after.knobs["top_k"] == round(math.sqrt(250))
    assert (before.knobs["key"], after.knobs["key"]) == ("Amin", "Cmaj")
    assert (before.knobs["seed"], after.knobs["seed"]) == (3, 9)
    assert (before.tags, after.tags) == (("pop",), ("techno",))
    assert (before.lyrics, after.lyrics) == ("la", None)


def test_beyond_a_knobs_travel_the_way_is_straight() -> None:
    assert morph(Preset({"cfg": 0.0}), Preset({"cfg": 7.0}), 0.5).knobs["cfg"] == 3.5


def test_a_morph_beyond_its_ends_is_refused() -> None:
    with pytest.raises(BadInput, match="0 to 1"):
        morph(PRESETS["soft"], PRESETS["hard"], 1.2)
