"""Nodes from the address table."""

from __future__ import annotations

from mula_bridge.api import addresses
from mula_bridge.control.knobs import KNOBS
from mula_bridge.servers.oscquery.node import Access, Range
from mula_bridge.servers.oscquery.nodes import build_nodes, span

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
