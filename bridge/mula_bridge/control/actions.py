"""What a button can do: the table behind ``do:`` in mapping files."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Final

from msgspec import Struct

from mula_bridge.control.knobs import knob
from mula_bridge.control.messages import (
    AuditionCompare,
    AuditionFollow,
    AuditionLoop,
    AuditionPlay,
    AuditionSettings,
    AuditionState,
    AuditionStep,
    AuditionStop,
    Cancel,
    Capture,
    Command,
    DeckChanged,
    Favourite,
    Generate,
    JobChanged,
    JobState,
    Judge,
    Live,
    LiveChanged,
    LoadPreset,
    MakeMore,
    Panic,
    Playing,
    Prompt,
    Report,
    Reroll,
    ResetKnob,
    Status,
    Stop,
    TagsChanged,
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


Lit = frozenset[str]
"""What is on behind an action: for one that takes an argument the arguments, else anything."""
_DARK: Final[Lit] = frozenset()
_ALIGHT: Final[Lit] = frozenset({""})


class Shown(Struct, frozen=True):
    """The state behind an action: ``after`` is what is on once a ``report`` has come, made of
    what was on before; None for one that says nothing of it."""

    report: type[Report]
    after: Callable[[Lit, Any], Lit | None]


class ActionRow(Struct, frozen=True):
    """One row of the table.

    ``shown``: what a light shows of it; None: it has no state. ``toggles``: a press switches it.
    ``brakes``: it ends something, so whatever is no release of a button triggers it.
    """

    name: str
    needs: Needs
    command: Callable[[str, Press], Command]
    shown: Shown | None = None
    toggles: bool = False
    brakes: bool = False

    @property
    def has_state(self) -> bool:
        """Whether a light can show if it is on."""
        return self.shown is not None


def _load_preset(argument: str, press: Press) -> Command:
    if argument:
        return LoadPreset(int(argument) if argument.isdecimal() else argument)
    return LoadPreset((press.number or 0) + 1)  # program 0 is preset 1


def _switch(report: type[Report], is_on: Callable[[Any], bool]) -> Shown:
    return Shown(report, lambda _, told: _ALIGHT if is_on(told) else _DARK)


def _tags_on(_: Lit, report: TagsChanged) -> Lit | None:
    return frozenset(map(fold_tag, report.tags)) if report.prompt is Prompt.A else None


def _jobs_under_way(before: Lit, report: JobChanged) -> Lit:
    under_way = report.state in (JobState.QUEUED, JobState.RUNNING)
    return before | {report.id} if under_way else before - {report.id}


_ROWS = (
    ActionRow("generate", Needs.NOTHING, lambda _, __: Generate(),
              Shown(JobChanged, _jobs_under_way)),
    ActionRow("cancel", Needs.NOTHING, lambda _, __: Cancel(), brakes=True),
    ActionRow("live", Needs.NOTHING, lambda _, __: Live(),
              _switch(LiveChanged, lambda told: told.on)),
    ActionRow("capture", Needs.NOTHING, lambda _, __: Capture()),
    ActionRow("stop", Needs.NOTHING, lambda _, __: Stop(), brakes=True),
    ActionRow("panic", Needs.NOTHING, lambda _, __: Panic(), brakes=True),
    ActionRow("preset.load", Needs.PRESET, _load_preset),
    ActionRow("reset", Needs.KNOB, lambda name, _: ResetKnob(name)),
    ActionRow("tag", Needs.TAG, lambda tag, press: ToggleTag(tag, press.on),
              Shown(TagsChanged, _tags_on), toggles=True),
    ActionRow("audition.play", Needs.NOTHING, lambda _, __: AuditionPlay(),
              _switch(AuditionState, lambda told: told.playing is not Playing.STOPPED)),
    ActionRow("audition.stop", Needs.NOTHING, lambda _, __: AuditionStop(), brakes=True),
    ActionRow("audition.next", Needs.NOTHING, lambda _, __: AuditionStep(1)),
    ActionRow("audition.prev", Needs.NOTHING, lambda _, __: AuditionStep(-1)),
    ActionRow("audition.ab", Needs.NOTHING, lambda _, __: AuditionCompare()),
    ActionRow("audition.keep", Needs.NOTHING, lambda _, __: Judge(Status.KEPT)),
    ActionRow("audition.reject", Needs.NOTHING, lambda _, __: Judge(Status.REJECTED)),
    ActionRow("audition.undo", Needs.NOTHING, lambda _, __: UndoJudgement()),
    ActionRow("audition.favourite", Needs.NOTHING, lambda _, it: Favourite(it.on),
              _switch(DeckChanged, lambda told: told.favourite), toggles=True),
    ActionRow("audition.loop", Needs.NOTHING, lambda _, it: AuditionLoop(it.on),
              _switch(AuditionSettings, lambda told: told.loop), toggles=True),
    ActionRow("audition.follow", Needs.NOTHING, lambda _, it: AuditionFollow(it.on),
              _switch(AuditionSettings, lambda told: told.follow), toggles=True),
    ActionRow("reroll", Needs.NOTHING, lambda _, __: Reroll()),
    ActionRow("more", Needs.NOTHING, lambda _, __: MakeMore()),
)  # fmt: skip
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
