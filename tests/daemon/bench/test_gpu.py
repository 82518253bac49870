"""The bench of a card, tried without one: at toy size on the CPU, and with sections that fail."""

from __future__ import annotations

import json
from pathlib import Path
from time import monotonic
from typing import Any

import pytest
import torch
from torch import Tensor

from mula_daemon.bench.gpu import kernels
from mula_daemon.bench.gpu.plan import SECTIONS, CardQuestions, Section
from mula_daemon.bench.gpu.run import main, measure
from mula_daemon.engine.lm.kernels import Weights

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


@pytest.mark.parametrize("spoiled", [False, True], ids=["right", "wrong"])
def test_kernels_are_held_against_float64(monkeypatch: pytest.MonkeyPatch, spoiled: bool) -> None:
    """With plain stand-ins for them, of which one forgets its last column of inputs."""

    def product(
        x: Tensor,
        weights: Weights,
        *,
        out: Tensor | None = None,
        dtype: torch.dtype | None = None,
        floor: Tensor | None = None,
        gated: bool = False,
        added: bool = False,
    ) -> Tensor:
        wide = x.double()
        if floor is not None:
            wide = wide / torch.hypot(wide.norm(dim=1, keepdim=True), floor.double())
        matrix = weights.widened(torch.float64).double()
        made = wide[:, :-1] @ matrix[:, :-1].t() if spoiled else wide @ matrix.t()
        if gated:
            gate, up = made.chunk(2, 1)
            made = torch.nn.functional.silu(gate) * up
        if out is not None:
            return out.copy_(made + out.double())
        return made.to(dtype or x.dtype)

    monkeypatch.setattr(kernels, "TRUE", ())
    monkeypatch.setattr(kernels, "ATTENTIONS", ())
    monkeypatch.setattr(kernels, "are_meant_for", lambda device: True)
    monkeypatch.setattr(kernels, "product", product)
    monkeypatch.setattr(
        kernels, "unit", lambda x, floor: x / torch.hypot(x.norm(dim=1), floor)[:, None]
    )
    monkeypatch.setattr(kernels, "_speed", lambda *_: 0.0)
    assert ("error" in kernels.measure(ASKED)) == spoiled
