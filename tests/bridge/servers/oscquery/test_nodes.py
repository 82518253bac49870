"""Nodes from the address table."""

from __future__ import annotations

import pytest

from mula_bridge.api import addresses
from mula_bridge.control.knobs import KNOBS
from mula_bridge.osc.arguments import Args
from mula_bridge.servers.oscquery.nodes import Access, Node, Range, build_nodes, clean_path, span

NODES = build_nodes(("aggressive",))


def test_every_address_has_a_node_and_every_node_a_parent_before_it() -> None:
    assert {address for address, _, _ in addresses.concrete()} <= set(NODES)
    seen = {"/"}
    for path in NODES:
        assert (path.rpartition("/")[0] or "/") in seen
        seen.add(path)


def test_names_and_ranges_have_an_entry_for_each_type_tag() -> None:
    for node in NODES.values():
        assert len(node.names) == len(node.ranges) == len(node.type), node.path


def test_access_follows_what_a_row_takes_and_gives() -> None:
    access = {path: node.access for path, node in NODES.items()}
    assert access["/mula/knob/cfg"] is Access.BOTH
    assert access["/mula/status"] is Access.READ
    assert access["/mula/generate"] is Access.WRITE
    assert access["/mula/knob"] is Access.NOTHING


def test_presets_are_listed_where_there_are_some() -> None:
    assert NODES["/mula/preset/load"].ranges == (Range(values=("aggressive",)),)
    assert build_nodes(())["/mula/preset/load"].ranges == (None,)


def test_a_span_is_in_the_knobs_own_unit() -> None:
    assert span(KNOBS["top_k"], 1.0, 64.0) == (1, 64, ())
    assert isinstance(span(KNOBS["top_k"], 1.0, 64.0).low, int)
    assert isinstance(span(KNOBS["cfg"], 1, 7).high, float)


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
