"""The bench of a card, tried without one: at toy size on the CPU, and with sections that fail."""

from __future__ import annotations

import json
from pathlib import Path
from time import monotonic
from typing import Any

import pytest

from mula_daemon.bench.gpu.plan import SECTIONS, CardQuestions, Section
from mula_daemon.bench.gpu.run import main, measure

ASKED = CardQuestions("cpu", "toy")


@pytest.fixture(autouse=True)
def one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """In the sections' processes, too."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")


def section(folder: Path, name: str, body: str, limit_s: float = 60.0) -> Section:
    (folder / f"{name}.py").write_text(f"def measure(asked):\n    {body}\n", encoding="utf-8")
    return Section(name, name, limit_s)


@pytest.mark.slow
def test_what_goes_wrong_in_one_section_is_its_entry_and_no_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=":")
    sections = [
        section(tmp_path, "raises", "raise RuntimeError('device-side assert triggered')"),
        section(tmp_path, "dies", "import os; os.abort()"),
        section(tmp_path, "hangs", "import time; time.sleep(600)", limit_s=6.0),
        section(tmp_path, "works", "print('aside'); return {'size': asked.size}"),
    ]
    began = monotonic()
    found = measure(sections, ASKED, 120)
    assert monotonic() - began < 60
    assert "device-side assert triggered" in found["raises"]["error"]
    assert "status -6" in found["dies"]["error"]
    assert "more than 6 s" in found["hangs"]["error"]
    assert found["works"]["size"] == "toy" and "error" not in found["works"]


def test_sections_for_which_no_time_is_left_say_so(tmp_path: Path) -> None:
    found = measure([section(tmp_path, "late", "return {}")], ASKED, 1.0)
    assert "no time was left" in found["late"]["error"]


def test_an_unknown_section_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--sections", "a,zz"])
    assert "zz" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.timeout(400)  # a minute, where nobody else computes
def test_all_of_it_runs_on_a_cpu(capfd: pytest.CaptureFixture[str]) -> None:
    status = main(["--device", "cpu", "--size", "toy", "--seconds", "2"])
    out, err = capfd.readouterr()
    line: dict[str, Any] = json.loads(out.splitlines()[-1])
    assert status == 0, line["failed"]
    assert list(line["sections"]) == [each.name for each in SECTIONS]
    for each in SECTIONS:
        assert f"{each.letter} {each.name}: done" in err
