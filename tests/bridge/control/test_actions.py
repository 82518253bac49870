"""What ``do:`` understands."""

from __future__ import annotations

import pytest

from mula_bridge.control.actions import ACTIONS, Press, parse_action
from mula_bridge.control.messages.commands import (
    AuditionCompare,
    AuditionFollow,
    AuditionLoop,
    AuditionPlay,
    AuditionStep,
    AuditionStop,
    Cancel,
    Command,
    Favourite,
    Generate,
    Judge,
    LoadPreset,
    MakeMore,
    Panic,
    Reroll,
    ResetKnob,
    Stop,
    ToggleTag,
    UndoJudgement,
)
from mula_bridge.control.messages.states import Status
from mula_bridge.errors import BadInput, UnknownName


@pytest.mark.parametrize(
    ("text", "command"),
    [
        ("generate", Generate()),
        ("cancel", Cancel()),
        ("stop", Stop()),
        (" panic ", Panic()),
        ("preset.load 2", LoadPreset(2)),
        ("preset.load jazz flow", LoadPreset("jazz flow")),
        ("reset  cfg", ResetKnob("cfg")),
        ("tag techno", ToggleTag("techno", True)),
        ("audition.play", AuditionPlay()),
        ("audition.stop", AuditionStop()),
        ("audition.next", AuditionStep(1)),
        ("audition.prev", AuditionStep(-1)),
        ("audition.ab", AuditionCompare()),
        ("audition.keep", Judge(Status.KEPT)),
        ("audition.reject", Judge(Status.REJECTED)),
        ("audition.undo", UndoJudgement()),
        ("audition.favourite", Favourite(True)),
        ("audition.loop", AuditionLoop(True)),
        ("audition.follow", AuditionFollow(True)),
        ("reroll", Reroll()),
        ("more", MakeMore()),
    ],
)
def test_each_action(text: str, command: Command) -> None:
    assert parse_action(text).command(Press()) == command


def test_every_row_is_its_own_name() -> None:
    assert all(row.name == name for name, row in ACTIONS.items())


def test_a_program_change_numbers_presets_from_one() -> None:
    action = parse_action("preset.load", numbered=True)
    assert action.command(Press(number=0)) == LoadPreset(1)
    assert action.command(Press(number=127)) == LoadPreset(128)


def test_a_toggle_switches_to_what_it_is_told() -> None:
    assert parse_action("tag techno").command(Press(on=False)) == ToggleTag("techno", False)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("generat", "unknown action 'generat'; did you mean generate"),
        ("audition.pla", r"unknown action 'audition.pla'.*did you mean audition.play"),
        ("play", r"unknown action 'play'.*\(there are generate, cancel"),
        ("", "unknown action"),
        ("stop it", "takes nothing after it"),
        ("preset.load", "needs a preset after it"),
        ("reset", "needs a knob after it"),
    ],
)
def test_mistakes_say_what_there_is(text: str, complaint: str) -> None:
    with pytest.raises(BadInput, match=complaint):
        parse_action(text)


def test_an_unknown_knob_is_named() -> None:
    with pytest.raises(UnknownName, match="unknown knob 'cgf'; did you mean cfg"):
        parse_action("reset cgf")
