"""Every queue is in the table of bounds, and every row of it names a test that is there."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[1]
ARCHITECTURE = ROOT / "daemon/ARCHITECTURE.md"
SOURCES = (ROOT / "bridge/mula_bridge", ROOT / "daemon/mula_daemon")
COMPUTES = ("bench", "engine/lm", "engine/mini", "engine/heartmula")
"""Where queues are a model's arithmetic, or a benchmark's."""
PROGRAMS = ("midi/monitor.py", "midi/listing.py")
"""Commands that print what they hear and end; the daemon has none of it."""
QUEUES = ("deque", "SimpleQueue", "Queue", "LifoQueue", "PriorityQueue", "OrderedDict", "heappush")
FOREIGN = ("rtmidi's own",)
"""What stands for a test where the queue is another program's."""


class Bound(NamedTuple):
    """One row of the table."""

    queue: str
    limit: str
    policy: str
    test: str


def bounds() -> list[Bound]:
    text = ARCHITECTURE.read_text(encoding="utf-8")
    section = text.split("## Bounds\n")[1].split("\n## ")[0]
    rows = [line.strip("|").split("|") for line in section.splitlines() if line.startswith("|")]
    return [Bound(*(cell.strip() for cell in row)) for row in rows[2:]]


def known_tests() -> set[str]:
    """The names of all test functions and of all files of tests."""
    found = set()
    for path in (ROOT / "tests").rglob("test_*.py"):
        found.add(path.relative_to(ROOT).as_posix())
        found |= set(re.findall(r"def (test_\w+)\(", path.read_text(encoding="utf-8")))
    return found


def unbounded() -> Iterator[str]:
    """The files, below their product's root, that make a queue without a length of its own."""
    for root in SOURCES:
        for path in sorted(root.rglob("*.py")):
            name = path.relative_to(root).as_posix()
            if not name.startswith((*COMPUTES, *PROGRAMS)) and any(map(_makes_one, _nodes(path))):
                yield name


def _nodes(path: Path) -> Iterator[ast.AST]:
    return ast.walk(ast.parse(path.read_text(encoding="utf-8")))


def _makes_one(node: ast.AST) -> bool:
    if not isinstance(node, ast.Call):
        return False
    made = [node.func, *(word.value for word in node.keywords if word.arg == "default_factory")]
    names = {getattr(one, "id", getattr(one, "attr", "")) for one in made}
    return bool(names & set(QUEUES)) and not any(word.arg == "maxlen" for word in node.keywords)


@pytest.mark.parametrize("bound", bounds(), ids=lambda bound: bound.queue)
def test_a_queue_says_its_limit_and_what_happens_then_and_a_test_shows_it(bound: Bound) -> None:
    assert all(bound)
    named = re.findall(r"`([^`]+)`", bound.test)
    assert named or bound.test in FOREIGN
    assert set(named) <= known_tests()


def test_no_queue_is_missing_from_the_table() -> None:
    places = " ".join(bound.queue for bound in bounds())
    assert [name for name in unbounded() if f"`{name}`" not in places] == []


def test_every_place_in_the_table_is_there() -> None:
    places = re.findall(r"`([\w/]+\.py)`", " ".join(bound.queue for bound in bounds()))
    assert [one for one in places if not any((root / one).is_file() for root in SOURCES)] == []
