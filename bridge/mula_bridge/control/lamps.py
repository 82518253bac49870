"""Which lights of actions are on: what bound buttons show, and what a toggle switches to. Pure."""

from __future__ import annotations

from typing import Final

from mula_bridge.control.actions import ACTIONS, Action, ActionRow, Lit, Press, fold_tag
from mula_bridge.control.messages import Command, Failed, Report

_ROWS: Final[dict[type[Report], list[ActionRow]]] = {}
for _row in ACTIONS.values():
    if _row.shown is not None:
        _ROWS.setdefault(_row.shown.report, []).append(_row)


class Lamps:
    """The state behind every action that has one, as far as reports told. One thread.

    What a press asked for is believed until a report says how it is, so that the next press may
    come first; a failure ends the belief.
    """

    HEARD: Final[tuple[type[Report], ...]] = (*_ROWS, Failed)
    """The reports that may change a light."""

    def __init__(self) -> None:
        self._told: dict[str, Lit] = {}  # by names of actions
        self._believed: dict[str, Lit] = {}

    def hear(self, report: Report) -> bool:
        """Take note of a report; whether it may have changed a light.

        What was only believed counts as changed when it is told: no light was certain of it.
        """
        if isinstance(report, Failed):
            changed = bool(self._believed)
            self._believed.clear()
            return changed
        changed = False
        for row in _ROWS.get(type(report), ()):
            assert row.shown is not None
            before = self._told.get(row.name, frozenset())
            after = row.shown.after(before, report)
            if after is None:
                continue
            self._told[row.name] = after
            believed = self._believed.pop(row.name, after)
            changed = changed or not before == believed == after
        return changed

    def is_on(self, action: Action) -> bool:
        """Whether the light of an action is on."""
        lit = self._lit(action.row.name)
        return fold_tag(action.argument) in lit if action.argument else bool(lit)

    def press(self, action: Action, number: int | None = None) -> Command:
        """What to send when an action is triggered; a toggle goes to where it is not.

        ``number`` is the program of a program change.
        """
        name = action.row.name
        command = action.command(Press(number, not self.is_on(action)))
        if action.row.toggles:
            self._believed[name] = self._lit(name) ^ {fold_tag(action.argument)}
        return command

    def _lit(self, name: str) -> Lit:
        return self._believed.get(name, self._told.get(name, frozenset()))
