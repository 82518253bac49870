"""The Pure Data twin: committed as the tables make it, and every address one of the daemon's."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from mula_bridge.api import addresses
from mula_bridge.control.knobs import KNOBS
from mula_bridge.surfaces.pure_data import Canvas, main, patch
from mula_bridge.surfaces.wires import Port

COMMITTED = Path(__file__).parents[3] / "bridge" / "pd" / "mula.pd"


def test_what_is_committed_is_what_the_tables_make(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert COMMITTED.read_text(encoding="utf-8") == patch()
    assert main(["--check", str(COMMITTED)]) == 0
    old = tmp_path / "mula.pd"
    assert main(["--check", str(old)]) == 1
    assert "stale" in capsys.readouterr().err
    assert main(["--write", str(old)]) == 0
    assert old.read_text(encoding="utf-8") == patch()


def test_it_sends_only_what_the_daemon_takes_and_every_knob() -> None:
    sent = {"/" + words.replace(" ", "/") for words in re.findall(r"oscformat ([\w ]+)", patch())}
    assert {f"/mula/knob/{name}" for name in KNOBS} <= sent
    known = {address for address, row, _ in addresses.concrete() if row.takes is not None}
    # It says /mula/self to itself, to see whether a port is its own.
    assert sent <= known | {"/mula/self"}


def test_a_patch_is_boxes_and_cords_by_their_numbers() -> None:
    inside = Canvas(100, 100, "sub")
    inside.obj(1, 2, "r x")
    made = Canvas(300, 200)
    made.chain(made.msg(10, 20, "bang"), made.obj(10, 40, "t b b"))
    made.cord(Port(1, 1), made.subpatch(10, 60, inside))
    assert str(made).splitlines() == [
        "#N canvas 60 60 300 200 10;",
        "#X msg 10 20 bang;",
        "#X obj 10 40 t b b;",
        "#N canvas 60 60 100 100 sub 0;",
        "#X obj 1 2 r x;",
        "#X restore 10 60 pd sub;",
        "#X connect 0 0 1 0;",
        "#X connect 1 1 2 0;",
    ]
