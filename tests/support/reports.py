"""Reports of any kind, made from its fields: so that a test need not know them by heart."""

from __future__ import annotations

from collections.abc import Iterator
from enum import EnumType
from itertools import product
from typing import Any, TypeVar, get_type_hints

from mula_bridge.control.actions import Action, ActionRow, Needs
from mula_bridge.control.lamps import Lamps
from mula_bridge.control.messages.reports import Report

R = TypeVar("R", bound=Report)

WORD = "techno"


def examples(kind: type[R], word: str = WORD) -> Iterator[R]:
    """One report of ``kind`` for each way in which its switches and choices can stand; its texts
    are ``word``."""
    fields = get_type_hints(kind)
    values = [_choices(of, word) for of in fields.values()]
    for row in product(*values):
        yield kind(**dict(zip(fields, row, strict=True)))


def switching(row: ActionRow, argument: str = WORD) -> tuple[Action, Report, Report]:
    """The action of ``row``, a report that lights its lamp, and one that then puts it out."""
    assert row.shown is not None
    action = Action(row, argument if row.needs is not Needs.NOTHING else "")
    reports = list(examples(row.shown.report, argument or WORD))
    for on, off in product(reports, reports):
        lamps = Lamps()
        lamps.hear(on)
        if lamps.is_on(action):
            lamps.hear(off)
            if not lamps.is_on(action):
                return action, on, off
    raise AssertionError(f"nothing switches the light of {row.name}")


def _choices(of: Any, word: str) -> tuple[Any, ...]:
    if isinstance(of, EnumType):
        return tuple(of)
    return {
        bool: (False, True), int: (1,), float: (0.5,), str: (word,), tuple[str, ...]: ((), (word,)),
    }[of]  # fmt: skip
