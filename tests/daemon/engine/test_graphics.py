"""Cards that this build of torch cannot use, and what is said of them. Cards are played."""

from __future__ import annotations

import subprocess
import sys
import warnings
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mula_bridge.errors import Unavailable
from mula_daemon.engine import graphics
from mula_daemon.engine.findings import Grade
from mula_daemon.engine.graphics import best_device, gpu_trouble, runs_on
from mula_daemon.engine.heartmula.card import LEAST, old_card
from mula_daemon.engine.heartmula.health import memory
from mula_daemon.engine.heartmula.model.device import note_on, pick_device
from mula_daemon.engine.lm import kernels
from mula_daemon.engine.messages import EngineSpec

WHEELS = ["sm_75", "sm_80", "sm_86", "sm_90", "sm_100", "sm_120", "compute_120"]


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No card, and no program of a driver, whatever this machine has."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    monkeypatch.setattr(torch.version, "cuda", None)
    monkeypatch.setattr(torch.version, "hip", None)


def program(folder: Path, name: str, says: str = "", status: int = 0) -> None:
    """A driver's program in PATH."""
    path = folder / name
    path.write_text(f"#!{sys.executable}\nprint({says!r})\nraise SystemExit({status})\n")
    path.chmod(0o755)


def card(
    monkeypatch: pytest.MonkeyPatch, capability: tuple[int, int], archs: list[str] = WHEELS
) -> None:
    """One that torch sees."""
    monkeypatch.setattr(torch.version, "cuda", "13.0")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda *_: "GeForce")
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda *_: capability)
    monkeypatch.setattr(torch.cuda, "get_arch_list", lambda: archs)


def test_without_a_card_nothing_is_amiss() -> None:
    assert gpu_trouble() is None
    assert best_device() == "cpu"
    assert "install" not in note_on(pick_device())


@pytest.mark.skipif(sys.platform == "win32", reason="plays a program with a first line of Unix")
@pytest.mark.parametrize(
    ("says", "wheel"),
    [("12.0", "cu130"), ("8.9\n8.6", "cu130"), ("7.5", "cu130"), ("6.1", "cu126"),
     ("", "cu126 for cards before"), ("N/A", "cu126 for cards before")],
)  # fmt: skip
def test_an_nvidia_card_beside_a_torch_for_the_cpu_names_the_line_to_install(
    tmp_path: Path, says: str, wheel: str
) -> None:
    program(tmp_path, "nvidia-smi", says)
    found = gpu_trouble()
    assert found is not None
    assert found.text.startswith(f"torch {torch.__version__} is built without CUDA")
    assert "pip install --force-reinstall torch --index-url" in found.remedy
    assert wheel in found.remedy
    assert best_device() == "cpu"
    note = note_on(pick_device())
    assert "HeartMuLa" in note and found.text in note and found.remedy in note
    with pytest.raises(Unavailable, match=r"no cuda device.*without CUDA.*pip install"):
        pick_device("cuda")


@pytest.mark.parametrize(("status", "hangs"), [(9, False), (0, True)], ids=["fails", "hangs"])
def test_a_drivers_program_that_fails_or_hangs_holds_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, status: int, hangs: bool
) -> None:
    program(tmp_path, "nvidia-smi", "8.9", status)
    if hangs:

        def late(*_: object, **options: float) -> None:
            raise subprocess.TimeoutExpired("nvidia-smi", options["timeout"])

        monkeypatch.setattr(subprocess, "run", late)
    found = gpu_trouble()
    assert found is not None and "pip install" in found.remedy


@pytest.mark.parametrize(
    ("capability", "archs", "wheel"),
    [((12, 0), ["sm_80", "sm_90"], "cu130"), ((6, 1), WHEELS, "cu126"), ((5, 2), WHEELS, "cu126")],
)
def test_a_card_that_this_torch_is_not_built_for_is_named_and_left_alone(
    monkeypatch: pytest.MonkeyPatch, capability: tuple[int, int], archs: list[str], wheel: str
) -> None:
    card(monkeypatch, capability, archs)
    found = gpu_trouble()
    assert found is not None
    assert "GeForce" in found.text and "CUDA 13.0" in found.text
    assert f"sm_{capability[0]}{capability[1]}" in found.text and archs[0] in found.text
    assert found.remedy.endswith(wheel)
    assert pick_device().type == "cpu"
    assert found.text in note_on(pick_device())
    with pytest.raises(Unavailable, match="not built for"):
        pick_device("cuda")


@pytest.mark.parametrize("capability", [(7, 5), (8, 6), (8, 9), (9, 0), (12, 0), (12, 1), (13, 0)])
def test_a_card_that_it_is_built_for_is_taken(
    monkeypatch: pytest.MonkeyPatch, capability: tuple[int, int]
) -> None:
    card(monkeypatch, capability)
    assert gpu_trouble() is None
    assert best_device() == "cuda"
    assert (pick_device().type == "cuda") is (capability >= (8, 0))


@pytest.mark.parametrize("capability", [(7, 0), (7, 5)])
def test_a_card_too_old_for_heartmula_is_left_alone_in_a_clear_word(
    monkeypatch: pytest.MonkeyPatch, capability: tuple[int, int]
) -> None:
    card(monkeypatch, capability, ["sm_70", "sm_75"])
    said = f"GeForce has compute capability {capability[0]}.{capability[1]}; HeartMuLa needs 8.0"
    device = pick_device()
    assert device.type == "cpu"
    assert said in note_on(device) and "--engine mini" in note_on(device)
    assert said not in note_on(pick_device("cpu"), "cpu")  # who names the CPU knows
    with pytest.raises(Unavailable, match=r"needs 8\.0 .* int8 and int4; use --engine mini"):
        pick_device("cuda")
    (found, *cards) = memory(EngineSpec())
    assert found.grade is Grade.WARN and said in found.text and "--device cpu" in found.remedy
    assert all(each.what.endswith("GB card") for each in cards)


def test_the_least_card_is_that_of_our_kernels() -> None:
    assert LEAST == kernels.OLDEST


def test_how_old_a_card_of_amd_is_has_another_count(monkeypatch: pytest.MonkeyPatch) -> None:
    card(monkeypatch, (7, 5))
    assert old_card() is not None
    monkeypatch.setattr(torch.version, "hip", "6.4")
    assert old_card() is None


@pytest.mark.parametrize(
    ("archs", "capability", "runs"),
    [
        (["sm_80"], (8, 9), True),
        (["sm_89"], (8, 6), False),
        (["sm_80"], (9, 0), False),
        (["compute_80"], (9, 0), True),
        (["compute_90"], (8, 0), False),
        (["sm_90a"], (9, 0), True),
        (["sm_100a"], (10, 3), False),
        (["sm_100f"], (10, 3), True),
        (["sm_100"], (10, 0), True),
        ([], (8, 0), True),
        (["gfx1100"], (11, 0), True),
    ],
)
def test_what_runs_on_what(archs: list[str], capability: tuple[int, int], runs: bool) -> None:
    assert runs_on(archs, capability) is runs


@given(
    archs=st.lists(st.sampled_from([*WHEELS, "sm_50", "sm_90a", "compute_70"])),
    capability=st.tuples(st.integers(3, 13), st.integers(0, 9)),
)
def test_what_is_built_for_the_card_itself_runs(
    archs: list[str], capability: tuple[int, int]
) -> None:
    assert runs_on([*archs, f"sm_{capability[0]}{capability[1]}"], capability)


@pytest.mark.parametrize("name", ["get_device_capability", "get_arch_list"])
def test_a_card_that_does_not_answer_is_left_alone(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("CUDA error: unknown error\nCUDA kernel errors might be ...")

    card(monkeypatch, (8, 9))
    monkeypatch.setattr(torch.cuda, name, fail)
    found = gpu_trouble()
    assert found is not None
    assert "RuntimeError: CUDA error: unknown error" in found.text
    assert "\n" not in found.text
    assert best_device() == "cpu"


def test_a_driver_that_is_too_old_is_called_that_and_not_warned_of(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def look() -> bool:
        warnings.warn("CUDA initialization: The NVIDIA driver is too old", stacklevel=1)
        return False

    def fail() -> None:
        raise RuntimeError("The NVIDIA driver on your system is too old (found version 11040).")

    program(tmp_path, "nvidia-smi", "8.9")
    monkeypatch.setattr(torch.version, "cuda", "13.0")
    monkeypatch.setattr(torch.cuda, "is_available", look)
    monkeypatch.setattr(torch.cuda, "current_device", fail)
    found = gpu_trouble()
    assert found is not None
    assert "CUDA 13.0" in found.text and "too old (found version 11040)" in found.text
    assert found.remedy.startswith("update the NVIDIA driver")


@pytest.mark.parametrize("value", ["", "-1"])
def test_a_card_that_is_hidden_is_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, value: str
) -> None:
    program(tmp_path, "nvidia-smi", "8.9")
    monkeypatch.setattr(torch.version, "cuda", "13.0")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", value)
    found = gpu_trouble()
    assert found is not None
    assert found.remedy == "unset CUDA_VISIBLE_DEVICES"


def test_an_amd_card_beside_a_torch_without_rocm(tmp_path: Path) -> None:
    program(tmp_path, "rocm-smi")
    found = gpu_trouble()
    assert found is not None
    assert "without ROCm" in found.text and "install torch for ROCm" in found.remedy


def test_rocm_calls_its_architectures_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    card(monkeypatch, (11, 0), ["gfx1100"])
    monkeypatch.setattr(torch.version, "hip", "6.4")
    assert gpu_trouble() is None
    assert best_device() == "cuda"


@pytest.mark.parametrize(
    ("machine", "processor", "is_built", "words"),
    [
        ("arm64", "arm", False, "without MPS"),
        ("arm64", "arm", True, "update macOS"),
        ("x86_64", "Apple M2", True, "arm64"),
        ("x86_64", "i386", False, None),
    ],
)
def test_a_mac_whose_card_is_unused_is_told_why(
    monkeypatch: pytest.MonkeyPatch, machine: str, processor: str, is_built: bool, words: str | None
) -> None:
    monkeypatch.setattr(graphics, "platform", SimpleNamespace(
        system=lambda: "Darwin", machine=lambda: machine, processor=lambda: processor))  # fmt: skip
    monkeypatch.setattr(torch.backends.mps, "is_built", lambda: is_built)
    found = gpu_trouble()
    if words is None:
        assert found is None
    else:
        assert found is not None and words in f"{found.text} {found.remedy}"


def test_apples_card_is_taken_where_torch_can(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert (best_device(), gpu_trouble()) == ("mps", None)
