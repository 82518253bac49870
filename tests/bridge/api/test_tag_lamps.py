"""Lamps of tags that go off."""

from __future__ import annotations

import pytest

from mula_bridge.api import addresses
from mula_bridge.api.tag_lamps import TagLamps
from mula_bridge.control.messages.origin import Origin
from mula_bridge.control.messages.reports import KnobChanged, TagsChanged
from mula_bridge.control.messages.states import Prompt

TECHNO, DARK = "/mula/tag/techno", "/mula/tag/dark"


@pytest.fixture
def lamps() -> TagLamps:
    return TagLamps()


def shown(lamps: TagLamps, *tags: str, to: Origin | None = None) -> dict[str, object]:
    content = lamps.encode(TagsChanged(tags), to)
    return {address: args[0] for address, args in content if address.startswith(addresses.TAG)}


def test_a_tag_that_goes_off_is_told_once(lamps: TagLamps) -> None:
    assert shown(lamps, "techno", "dark") == {TECHNO: 1, DARK: 1}
    assert shown(lamps, "techno") == {TECHNO: 1, DARK: 0}
    assert shown(lamps, "techno") == {TECHNO: 1}
    assert shown(lamps) == {TECHNO: 0}


def test_an_answer_says_what_was_asked_and_forgets_nothing(lamps: TagLamps) -> None:
    asked = Origin("osc", 1, DARK)
    shown(lamps, "techno")
    assert shown(lamps, "techno", to=asked) == {TECHNO: 1, DARK: 0}
    assert shown(lamps, "techno", to=Origin("osc", 1, "/mula/tags")) == {TECHNO: 1}
    assert shown(lamps, "dark", to=asked) == {DARK: 1}
    assert shown(lamps) == {TECHNO: 0}


def test_other_reports_are_as_they_are(lamps: TagLamps) -> None:
    shown(lamps, "techno")
    for report in (KnobChanged("cfg", 2.0, 0.25), TagsChanged(("dark",), Prompt.B)):
        assert lamps.encode(report, None) == addresses.encode(report)
    assert shown(lamps) == {TECHNO: 0}
