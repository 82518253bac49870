from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mula_bridge.control.knobs import KNOBS, Effect, KnobValue
from mula_bridge.control.messages.states import Prompt
from mula_bridge.control.presets import Preset
from mula_bridge.errors import BadInput
from mula_daemon.engine.seam import EngineInfo, KnobRange
from mula_daemon.steering.controls import Controls, UnknownTag


def curve(at: float) -> Mapping[str, KnobValue]:
    return {"cfg": 1.5 + 2.5 * at, "temperature": 1.0 - 0.25 * at, "top_k": 50 - 20 * at}


def controls() -> Controls:
    return Controls(curve)


ENGINE = EngineInfo(
    name="small",
    version="1",
    sample_rate=48_000,
    channels=2,
    device="cpu",
    knobs={"cfg": KnobRange(0.0, 5.0, Effect.FRAME), "top_k": KnobRange(1, 40, Effect.FRAME)},
    vocabulary={
        "techno": "techno",
        "hip hop": "hip-hop",
        "dnb": "drum and bass",
        "drum and bass": "drum and bass",
    },
)


@given(st.sampled_from(list(KNOBS)), st.floats(allow_nan=False, allow_infinity=False))
def test_a_value_always_lands_inside_the_knobs_range(name: str, value: float) -> None:
    desk = controls()
    desk.set(name, value)
    row = KNOBS[name]
    assert row.minimum <= desk.knobs.number(name) <= row.maximum


NO_NUMBERS: list[KnobValue] = [float("nan"), float("inf"), float("-inf"), 10**400, True]


@pytest.mark.parametrize("norm", [False, True], ids=["value", "travel"])
@pytest.mark.parametrize("value", NO_NUMBERS, ids=["nan", "inf", "-inf", "huge", "true"])
@pytest.mark.parametrize("name", KNOBS)
def test_a_knob_stays_where_it_is_for_what_is_no_number(
    name: str, value: KnobValue, norm: bool
) -> None:
    desk = controls()
    before = dict(desk.knobs)
    with pytest.raises(BadInput, match=f"knob '{name}' takes"):
        desk.set(name, value, norm=norm)
    assert dict(desk.knobs) == before


def test_a_preset_that_cannot_be_applied_changes_nothing() -> None:
    desk = controls()
    desk.set_lyrics("mine")
    with pytest.raises(BadInput):
        desk.apply(Preset({"cfg": float("nan")}, ("dark",), (), "theirs"))
    assert (desk.lyrics, desk.tags[Prompt.A]) == ("mine", ())


@given(st.sampled_from(list(KNOBS)), st.floats(0, 1))
def test_travel_there_and_back_is_stable(name: str, travel: float) -> None:
    desk = controls()
    desk.set(name, travel, norm=True)
    row = KNOBS[name]
    value = desk.knobs[name]
    assert row.coerce(row.taper.at(row.to_norm(value))) == pytest.approx(value) or row.integer


def test_setters_tell_what_changed_and_count_revisions() -> None:
    desk = controls()
    before = desk.frame_knobs.revision
    assert desk.set("cfg", 3.0) == ("cfg",)
    assert desk.frame_knobs.revision == before + 1
    assert desk.frame_knobs.cfg == 3.0
    assert desk.set("cfg", 3.0) == ()
    assert desk.set("bars", 8) == ("bars",)
    assert desk.frame_knobs.revision == before + 1


def test_genre_strength_moves_the_recipe() -> None:
    desk = controls()
    assert set(desk.set("genre_strength", 1.0)) == {
        "genre_strength",
        "cfg",
        "temperature",
        "top_k",
    }
    assert (desk.knobs["cfg"], desk.knobs["temperature"], desk.knobs["top_k"]) == (4.0, 0.75, 30)


def test_a_preset_is_taken_over_and_what_it_leaves_out_stays() -> None:
    desk = controls()
    desk.set_lyrics("la")
    desk.set_tags(("jazz",), Prompt.B)
    assert desk.apply(Preset({"cfg": 3.0}, tags=("techno",))) == ("cfg",)
    assert desk.tags == {Prompt.A: ("techno",), Prompt.B: ("jazz",)}
    assert desk.lyrics == "la"


def test_a_preset_with_an_unknown_tag_changes_nothing() -> None:
    desk = controls()
    desk.fit(ENGINE)
    with pytest.raises(UnknownTag):
        desk.apply(Preset({"cfg": 3.0}, tags=("tekno",), lyrics="la"))
    assert (desk.knobs["cfg"], desk.lyrics) == (1.5, "")


def test_a_snapshot_brings_the_sound_back_but_not_the_song() -> None:
    desk = controls()
    desk.set("genre_strength", 0.5)
    desk.set("cfg", 2.2)
    desk.set_tags(("techno",))
    kept = desk.snapshot()
    for name, value in (("genre_strength", 1.0), ("bpm", 99.0)):
        desk.set(name, value)
    desk.set_tags(("pop",))
    desk.apply(kept)
    assert (desk.knobs["genre_strength"], desk.knobs["cfg"], desk.knobs["bpm"]) == (0.5, 2.2, 99.0)
    assert desk.tags[Prompt.A] == ("techno",)


def test_nudge_moves_in_real_units_and_in_travel() -> None:
    desk = controls()
    desk.nudge("cfg", 0.5)
    assert desk.knobs["cfg"] == 2.0
    desk.nudge("cfg", 0.25, norm=True)
    assert desk.knobs["cfg"] == 3.0
    desk.nudge("key", 1)
    assert desk.knobs["key"] == "A#min"


def test_an_engine_limits_what_it_declares() -> None:
    desk = controls()
    desk.set("cfg", 7.0)
    assert desk.fit(ENGINE) == ("cfg", "top_k")
    assert (desk.knobs["cfg"], desk.knobs["top_k"]) == (5.0, 40)
    desk.set("top_k", 200)
    assert desk.knobs["top_k"] == 40


def test_tags_take_the_engines_spelling_once_each() -> None:
    desk = controls()
    desk.fit(ENGINE)
    desk.set_tags((" Techno ", "DnB, Hip-Hop", "drum_and  bass", ""))
    assert desk.tags[Prompt.A] == ("techno", "drum and bass", "hip-hop")


def test_an_unknown_tag_names_the_nearest_and_changes_nothing() -> None:
    desk = controls()
    desk.fit(ENGINE)
    desk.set_tags(("techno",))
    with pytest.raises(UnknownTag, match="did you mean techno"):
        desk.set_tags(("dnb", "tekno"))
    assert desk.tags[Prompt.A] == ("techno",)


def test_tags_that_were_set_before_the_engine_was_there_are_spelt_as_it_does() -> None:
    desk = controls()
    desk.set_tags(("dnb", "tekno", "hip_hop", "drum and bass"))
    before = desk.frame_knobs.revision
    desk.fit(ENGINE)
    (lost,) = desk.respell()
    assert desk.tags == {Prompt.A: ("drum and bass", "hip-hop"), Prompt.B: ()}
    assert "small does not know the tag 'tekno'; did you mean techno?; it is left out" in lost
    assert desk.frame_knobs.texts == desk.texts
    assert desk.frame_knobs.revision > before
    assert desk.respell() == []


def test_without_a_vocabulary_tags_are_free_text() -> None:
    desk = controls()
    desk.set_tags(("Ethiopian Jazz",), Prompt.B)
    assert desk.tags == {Prompt.A: (), Prompt.B: ("ethiopian jazz",)}


def test_signs_that_nobody_sees_make_no_unknown_tag() -> None:
    desk = controls()
    desk.fit(ENGINE)
    desk.set_tags(("\ufefftechno\u200b", "drum\u00a0and\u3000bass"))
    assert desk.tags[Prompt.A] == ("techno", "drum and bass")


def test_lyrics_stay_as_they_were_typed() -> None:
    desk = controls()
    desk.set_lyrics("la\r\nla\u00a0\u200b ")
    assert desk.texts.lyrics == "la\r\nla\u00a0\u200b "


def test_a_tag_is_toggled() -> None:
    desk = controls()
    desk.toggle_tag("techno", True)
    desk.toggle_tag("dark", True)
    desk.toggle_tag("techno", True)
    assert desk.tags[Prompt.A] == ("dark", "techno")
    desk.toggle_tag("dark", False)
    assert desk.tags[Prompt.A] == ("techno",)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "loud", True])
def test_a_bad_value_changes_nothing(value: object) -> None:
    desk = controls()
    before = dict(desk.knobs)
    with pytest.raises(BadInput, match="cfg"):
        desk.set("cfg", value)  # type: ignore[arg-type]
    assert dict(desk.knobs) == before


def test_endless_text_is_refused() -> None:
    desk = controls()
    with pytest.raises(BadInput, match="characters"):
        desk.set_lyrics("la" * 10_000)
    with pytest.raises(BadInput, match="longer"):
        desk.set_tags(("x" * 100,))
    with pytest.raises(BadInput, match="more than"):
        desk.set_tags(tuple(f"tag{number}" for number in range(40)))
