"""One OSCQuery node."""

from __future__ import annotations

import pytest

from mula_bridge.osc.arguments import Args
from mula_bridge.servers.oscquery.node import Access, Node, Range, clean_path


def test_a_range_is_an_interval_or_a_list() -> None:
    assert Range(1, 250).json == {"MIN": 1, "MAX": 250}
    assert Range(values=("a", "b")).json == {"VALS": ["a", "b"]}


@pytest.mark.parametrize(
    ("tags", "args", "fitted"),
    [
        ("s", ("techno", "dark"), ("techno, dark",)),
        ("s", (), ("",)),
        ("ss", ("id",), ("id", "")),
        ("f", (1.0, 2.0), (1.0,)),
    ],
)
def test_values_are_as_many_as_type_tags(tags: str, args: Args, fitted: Args) -> None:
    assert Node("/x", "", tags).fit(args) == fitted


def test_a_trigger_is_critical_and_a_number_that_can_be_set_clips() -> None:
    assert Node("/x", "", "I", Access.WRITE).critical
    assert not Node("/x", "", "f", Access.WRITE).critical
    assert Node("/x", "", "f", Access.BOTH, ranges=(Range(0, 1),)).clips
    assert not Node("/x", "", "f", Access.READ, ranges=(Range(0, 1),)).clips
    assert not Node("/x", "", "s", Access.BOTH, ranges=(Range(values=("a",)),)).clips


def test_paths_end_without_a_slash() -> None:
    assert [clean_path(path) for path in ("/mula/", "/mula", "/", "")] == [
        "/mula",
        "/mula",
        "/",
        "/",
    ]
