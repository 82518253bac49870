"""What a button can do: the table behind ``do:`` in mapping files."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from msgspec import Struct

from mula_bridge.control.knobs import knob
from mula_bridge.control.messages import (
    AuditionCompare,
    AuditionFollow,
    AuditionLoop,
    AuditionPlay,
    AuditionStep,
    AuditionStop,
    Cancel,
    Capture,
    Command,
    Favourite,
    Generate,
    Judge,
    Live,
    LoadPreset,
    MakeMore,
    Panic,
    Reroll,
    ResetKnob,
    Status,
    Stop,
    ToggleTag,
    UndoJudgement,
)
from mula_bridge.errors import BadInput, UnknownName


class Needs(StrEnum):
    """What follows an action's name in ``do:``."""

    NOTHING = "nothing"
    KNOB = "a knob"
    PRESET = "a preset"
    TAG = "a tag"


class Press(Struct, frozen=True):
    """How an action was triggered: ``number`` is the program of a program change, else
    None; ``on`` is what a toggle switches to."""

    number: int | None = None
    on: bool = True


class ActionRow(Struct, frozen=True):
    """One row of the table.

    ``has_state``: a light can show whether it is on. ``toggles``: a press switches it.
    """

    name: str
    needs: Needs
    command: Callable[[str, Press], Command]
    has_state: bool = False
    toggles: bool = False


def _load_preset(argument: str, press: Press) -> Command:
    if argument:
        return LoadPreset(int(argument) if argument.isdecimal() else argument)
    return LoadPreset((press.number or 0) + 1)  # program 0 is preset 1


_ROWS = (
    ActionRow("generate", Needs.NOTHING, lambda _, __: Generate(), has_state=True),
    ActionRow("cancel", Needs.NOTHING, lambda _, __: Cancel()),
    ActionRow("live", Needs.NOTHING, lambda _, __: Live(), has_state=True),
    ActionRow("capture", Needs.NOTHING, lambda _, __: Capture()),
    ActionRow("stop", Needs.NOTHING, lambda _, __: Stop()),
    ActionRow("panic", Needs.NOTHING, lambda _, __: Panic()),
    ActionRow("preset.load", Needs.PRESET, _load_preset),
    ActionRow("reset", Needs.KNOB, lambda name, _: ResetKnob(name)),
    ActionRow("tag", Needs.TAG, lambda tag, press: ToggleTag(tag, press.on), True, True),
    ActionRow("audition.play", Needs.NOTHING, lambda _, __: AuditionPlay(), has_state=True),
    ActionRow("audition.stop", Needs.NOTHING, lambda _, __: AuditionStop()),
    ActionRow("audition.next", Needs.NOTHING, lambda _, __: AuditionStep(1)),
    ActionRow("audition.prev", Needs.NOTHING, lambda _, __: AuditionStep(-1)),
    ActionRow("audition.ab", Needs.NOTHING, lambda _, __: AuditionCompare()),
    ActionRow("audition.keep", Needs.NOTHING, lambda _, __: Judge(Status.KEPT)),
    ActionRow("audition.reject", Needs.NOTHING, lambda _, __: Judge(Status.REJECTED)),
    ActionRow("audition.undo", Needs.NOTHING, lambda _, __: UndoJudgement()),
    ActionRow("audition.favourite", Needs.NOTHING, lambda _, it: Favourite(it.on), True, True),
    ActionRow("audition.loop", Needs.NOTHING, lambda _, it: AuditionLoop(it.on), True, True),
    ActionRow("audition.follow", Needs.NOTHING, lambda _, it: AuditionFollow(it.on), True, True),
    ActionRow("reroll", Needs.NOTHING, lambda _, __: Reroll()),
    ActionRow("more", Needs.NOTHING, lambda _, __: MakeMore()),
)
ACTIONS: Final[Mapping[str, ActionRow]] = MappingProxyType({row.name: row for row in _ROWS})


class Action(Struct, frozen=True):
    """A row with its argument, as in ``reset cfg``; empty where a program number decides."""

    row: ActionRow
    argument: str = ""

    def command(self, press: Press) -> Command:
        """What to send when it is triggered."""
        return self.row.command(self.argument, press)


def parse_action(text: str, *, numbered: bool = False) -> Action:
    """The action ``text`` means, as in ``generate`` or ``reset cfg``.

    ``numbered``: it comes from a program change, so a preset may be left out.
    Raises UnknownName and BadInput, naming what there is.
    """
    name, _, argument = text.strip().partition(" ")
    argument = argument.strip()
    row = ACTIONS.get(name)
    if row is None:
        raise BadInput(f"{UnknownName('action', name, ACTIONS)} (there are {', '.join(ACTIONS)})")
    if row.needs is Needs.NOTHING and argument:
        raise BadInput(f"action {name!r} takes nothing after it, not {argument!r}")
    if row.needs is not Needs.NOTHING and not argument:
        if not (row.needs is Needs.PRESET and numbered):
            raise BadInput(f"action {name!r} needs {row.needs} after it, as in '{name} NAME'")
    elif row.needs is Needs.KNOB:
        knob(argument)
    return Action(row, argument)


def fold_tag(tag: str) -> str:
    """A tag as compared: an engine may spell it its own way."""
    return re.sub(r"[\s_-]+", " ", tag.lower())
