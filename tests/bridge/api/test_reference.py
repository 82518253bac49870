"""bridge/OSC.md is what the tables say."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from mula_bridge.api.addresses import ROWS, decode, matching
from mula_bridge.api.client import parse_argument
from mula_bridge.api.reference import main, reference
from mula_bridge.control.knobs import KNOBS
from mula_bridge.osc.pattern import is_pattern

COMMITTED = Path(__file__).parents[3] / "bridge" / "OSC.md"


def test_the_committed_reference_is_fresh() -> None:
    assert COMMITTED.read_text(encoding="utf-8") == reference(), (
        "stale; run python -m mula_bridge.api.reference --write bridge/OSC.md"
    )


def test_it_names_every_address_and_knob() -> None:
    text = reference()
    assert all(f"| `{row.template}` |" in text for row in ROWS)
    assert all(f"| `{name}` |" in text and row.description in text for name, row in KNOBS.items())


def test_every_example_is_one_that_the_daemon_takes() -> None:
    sent = [line for line in reference().splitlines() if line.startswith("oscsend ")]
    assert len(sent) >= 8
    for line in sent:
        address, *rest = line.partition("  ")[0].split()[3:]
        address = address.strip("'")
        args = tuple(parse_argument(word) for word in rest[1:])
        for one in matching(address) if is_pattern(address) else (address,):
            assert decode(one, args) is not None


def test_write_and_check(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "OSC.md"
    assert main(["--check", str(path)]) == 1
    assert main(["--write", str(path)]) == 0
    assert main(["--check", str(path)]) == 0
    path.write_text("old", encoding="utf-8")
    assert main(["--check", str(path)]) == 1
    assert "stale" in capsys.readouterr().err
    assert main([]) == 0
    assert capsys.readouterr().out == reference()


def test_it_runs_as_a_module() -> None:
    command = [sys.executable, "-m", "mula_bridge.api.reference", "--check", str(COMMITTED)]
    assert subprocess.run(command, timeout=30).returncode == 0
