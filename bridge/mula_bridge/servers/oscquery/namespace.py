"""The address table as an OSCQuery namespace: JSON, attributes and LISTEN. Pure; one thread.

Follows the OSCQuery proposal (github.com/Vidvox/OSCQueryProposal): every node says where it
is, what may be sent to it, what it is now and which values make sense. Where our table allows
more than the proposal can say, the node says the simplest thing that works: tags are one text
with commas, a trigger is ``I``, and what else an address takes is in OVERLOADS.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Final

from mula_bridge import __version__
from mula_bridge.api import VERSION, Content, addresses
from mula_bridge.control.messages import Report
from mula_bridge.osc import Args, Value
from mula_bridge.servers.oscquery.nodes import (
    Access,
    Json,
    Node,
    Range,
    build_nodes,
    clean_path,
    span,
)

Limits = Mapping[str, tuple[float, float]]
"""Knob name -> the lowest and the highest value that the engine takes."""

EXTENSIONS: Final = (
    "ACCESS", "VALUE", "RANGE", "DESCRIPTION", "TAGS", "CRITICAL", "CLIPMODE", "OVERLOADS",
    "EXTENDED_TYPE", "HTML", "LISTEN", "PATH_CHANGED",
)  # fmt: skip
_ATTRIBUTES: Final = frozenset({"FULL_PATH", "CONTENTS", "TYPE", *EXTENSIONS[:9]})


class Namespace:
    """Every address with its newest value. ``presets`` are the names that can be loaded."""

    def __init__(self, presets: Sequence[str] = ()) -> None:
        self.nodes = build_nodes(tuple(presets))
        self.values: dict[str, Args] = {VERSION: (__version__,)}
        self._children = _tree(self.nodes)

    def encode(self, report: Report) -> Content:
        """The messages of a report on addresses of the tree, their arguments fitted to it."""
        return [
            (address, self.nodes[address].fit(args))
            for address, args in addresses.encode(report)
            if address in self.nodes
        ]

    def take(self, report: Report) -> Content:
        """Keep what a report says. Returns the messages that say something else than before."""
        changed = [one for one in self.encode(report) if self.values.get(one[0]) != one[1]]
        self.values.update(changed)
        return changed

    def limit(self, limits: Limits) -> list[str]:
        """Narrow the ranges of knobs to what the engine takes; others are as in the table.

        Returns the paths whose range is another now. Names that are no knobs are ignored.
        """
        changed = []
        for path, node in self.nodes.items():
            knob = node.knob
            if knob is None or knob.choices or path != f"/mula/knob/{knob.name}":
                continue
            low, high = limits.get(knob.name, (knob.minimum, knob.maximum))
            ranges = (span(knob, max(low, knob.minimum), min(high, knob.maximum)),)
            if ranges != node.ranges:
                self.nodes[path] = replace(node, ranges=ranges)
                changed.append(path)
        return changed

    def offer(self, presets: Sequence[str]) -> list[str]:
        """These presets can be loaded now. Returns the paths whose range is another now."""
        changed = []
        for path, node in self.nodes.items():
            if "preset" in node.names:
                values = Range(values=tuple(presets)) if presets else None
                ranges = tuple(
                    values if name == "preset" else one
                    for name, one in zip(node.names, node.ranges, strict=True)
                )
                if ranges != node.ranges:
                    self.nodes[path] = replace(node, ranges=ranges)
                    changed.append(path)
        return changed

    def describe(self, path: str = "/") -> Json:
        """The node and all below it. Raises KeyError where there is none."""
        node = self.nodes[clean_path(path)]
        found = self._attributes(node)
        if children := self._children.get(node.path):
            found["CONTENTS"] = {
                child.rpartition("/")[2]: self.describe(child) for child in children
            }
        return found

    def answer(self, path: str, query: str = "") -> tuple[int, Json | None]:
        """HTTP status and body of a request other than for HOST_INFO.

        204: the value may not be read. 400: no such attribute. 404: no such node.
        """
        if clean_path(path) not in self.nodes:
            return 404, None
        if not query:
            return 200, self.describe(path)
        if query not in _ATTRIBUTES:
            return 400, None
        node = self.nodes[clean_path(path)]
        if query == "VALUE" and not node.access & Access.READ and node.type:
            return 204, None
        found = self.describe(path) if query == "CONTENTS" else self._attributes(node)
        return 200, {query: found[query]} if query in found else {}

    def _attributes(self, node: Node) -> Json:
        found: Json = {
            "FULL_PATH": node.path,
            "DESCRIPTION": node.description,
            "ACCESS": int(node.access),
        }
        if node.type:
            found["TYPE"] = node.type
            found["EXTENDED_TYPE"] = list(node.names)
        if node.access & Access.READ and node.path in self.values:
            found["VALUE"] = [_plain(value) for value in self.values[node.path]]
        if any(node.ranges):
            found["RANGE"] = [one.json if one else None for one in node.ranges]
        if node.clips:
            found["CLIPMODE"] = ["both"]
        if node.critical:
            found["CRITICAL"] = True
        if node.tags:
            found["TAGS"] = list(node.tags)
        if node.overloads:
            found["OVERLOADS"] = [{"TYPE": tags} for tags in node.overloads]
        return found


def host_info(name: str, osc: tuple[str, int] | None, http: tuple[str, int]) -> Json:
    """HOST_INFO: where OSC and websockets are.

    An address of "every interface" is left out, which tells a client to use the one that it
    reached us at.
    """
    info: Json = {"NAME": name, "EXTENSIONS": dict.fromkeys(EXTENSIONS, True)}
    for prefix, where in (("OSC", osc), ("WS", http)):
        if where is None:
            continue
        if where[0] not in ("", "0.0.0.0", "::"):
            info[f"{prefix}_IP"] = where[0]
        info[f"{prefix}_PORT"] = where[1]
    if osc is not None:
        info["OSC_TRANSPORT"] = "UDP"
    return info


def _tree(paths: Iterable[str]) -> dict[str, list[str]]:
    children: dict[str, list[str]] = {}
    for path in paths:
        if path != "/":
            children.setdefault(path.rpartition("/")[0] or "/", []).append(path)
    return children


def _plain(value: Value) -> float | int | str | None:
    # The proposal writes values that are only their type (T, F, N, I) as null.
    return value if isinstance(value, int | float | str) and not isinstance(value, bool) else None
