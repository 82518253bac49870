"""Lights of actions: what reports switch them, and what a press then asks for."""

from __future__ import annotations

import pytest

from mula_bridge.control.actions import ACTIONS, parse_action
from mula_bridge.control.lamps import Lamps
from mula_bridge.control.messages.commands import AuditionLoop, Favourite, LoadPreset, ToggleTag
from mula_bridge.control.messages.reports import (
    AuditionSettings,
    AuditionState,
    DeckChanged,
    EngineChanged,
    JobChanged,
    LiveChanged,
    Report,
    TagsChanged,
)
from mula_bridge.control.messages.states import EngineState, JobState, Playing, Prompt


def playing(state: Playing) -> AuditionState:
    return AuditionState("a", state, 0.0, 16, False, True)


@pytest.mark.parametrize(
    ("action", "on", "off"),
    [
        ("tag Hip-Hop", TagsChanged(("hip hop",)), TagsChanged(())),
        ("generate", JobChanged("a", JobState.QUEUED), JobChanged("a", JobState.DONE)),
        ("audition.play", playing(Playing.PLAYING), playing(Playing.STOPPED)),
        ("audition.play", playing(Playing.WAITING), playing(Playing.STOPPED)),
        ("live", LiveChanged(True), LiveChanged(False)),
        ("audition.loop", AuditionSettings(loop=True), AuditionSettings(loop=False)),
        ("audition.follow", AuditionSettings(follow=True), AuditionSettings(follow=False)),
        ("audition.favourite", DeckChanged("a", 1, 1, favourite=True), DeckChanged("b", 1, 1)),
    ],
)
def test_a_report_switches_a_light(action: str, on: Report, off: Report) -> None:
    lamps = Lamps()
    for report, lit in ((on, True), (off, False), (on, True)):
        assert lamps.hear(report)
        assert lamps.is_on(parse_action(action)) is lit


def test_every_action_with_a_state_is_tested_above() -> None:
    stateful = {name for name, row in ACTIONS.items() if row.has_state}
    assert stateful == {
        "tag", "generate", "live", "audition.play", "audition.loop", "audition.follow",
        "audition.favourite",
    }  # fmt: skip


def test_what_changes_no_light_is_said_so() -> None:
    lamps = Lamps()
    assert not lamps.hear(EngineChanged(EngineState.READY))
    assert not lamps.hear(TagsChanged(("techno",), Prompt.B))
    lamps.hear(playing(Playing.PLAYING))
    assert not lamps.hear(playing(Playing.PLAYING))


def test_a_toggle_goes_to_and_fro_before_anything_is_reported() -> None:
    lamps = Lamps()
    loop, favourite, tag = map(parse_action, ("audition.loop", "audition.favourite", "tag techno"))
    assert [lamps.press(loop) for _ in range(3)] == [
        AuditionLoop(True), AuditionLoop(False), AuditionLoop(True)
    ]  # fmt: skip
    assert [lamps.press(favourite) for _ in range(2)] == [Favourite(True), Favourite(False)]
    assert [lamps.press(tag) for _ in range(2)] == [
        ToggleTag("techno", True), ToggleTag("techno", False)
    ]  # fmt: skip
    lamps.hear(AuditionSettings(loop=False))
    assert lamps.press(loop) == AuditionLoop(True)


def test_a_press_of_something_else_switches_nothing() -> None:
    lamps = Lamps()
    lamps.press(parse_action("audition.play"))
    assert not lamps.is_on(parse_action("audition.play"))
    assert lamps.press(parse_action("preset.load", numbered=True), 4) == LoadPreset(5)
