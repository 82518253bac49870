"""What the doctor finds, and that nothing it meets ends it."""

from __future__ import annotations

import errno
import os
import stat
import sys
from pathlib import Path

import pytest
import torch

from mula_bridge.errors import Unavailable
from mula_daemon import doctor
from mula_daemon.cli import doctor as command
from mula_daemon.cli import main
from mula_daemon.engine.findings import Finding, Grade
from mula_daemon.settings import load_config


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))


def folder(path: Path) -> list[Finding]:
    return list(doctor.folder(load_config({"folder": str(path)})))


def test_a_take_is_tried_in_the_folder_and_nothing_of_it_stays(tmp_path: Path) -> None:
    clips = tmp_path / "clips"
    (found,) = folder(clips)
    assert found.grade is not Grade.FAIL
    assert [path.name for path in clips.iterdir()] == [".mula"]
    assert [path for path in (clips / ".mula").iterdir() if path.suffix in (".wav", ".json")] == []


@pytest.mark.parametrize("number", [errno.EINVAL, errno.ENOTSUP, errno.ENOSYS])
def test_a_folder_that_cannot_be_flushed_is_no_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    real = os.fsync

    def flush(fd: int) -> None:
        if stat.S_ISDIR(os.fstat(fd).st_mode):
            raise OSError(number, os.strerror(number))
        real(fd)

    monkeypatch.setattr(os, "fsync", flush)
    (found,) = folder(tmp_path)
    assert found.grade is not Grade.FAIL


def test_a_file_that_cannot_be_flushed_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def flush(fd: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(os, "fsync", flush)
    (found,) = folder(tmp_path)
    assert found.grade is Grade.FAIL
    assert "a clip cannot be finished in" in found.text
    assert str(tmp_path) in found.text and "doctor-" not in found.text
    assert "--folder" in found.remedy


def test_a_folder_that_takes_clips_and_moves_none_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise Unavailable("locked by a share")

    monkeypatch.setattr("mula_daemon.clips.Shelves.put", refuse)
    (found,) = folder(tmp_path)
    assert "a clip cannot be kept in" in found.text
    assert "locked by a share" in found.text


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() == 0, reason="needs rights to lack")
def test_a_folder_whose_own_level_cannot_be_written_is_found(tmp_path: Path) -> None:
    folder(tmp_path)
    tmp_path.chmod(0o555)
    try:
        (found,) = folder(tmp_path)
    finally:
        tmp_path.chmod(0o755)
    assert found.grade is Grade.FAIL


@pytest.mark.parametrize(
    "error",
    [RuntimeError("driver"), OSError(errno.EIO, "Input/output error"), Unavailable("gone"),
     UnicodeDecodeError("utf-8", b"\xff", 0, 1, "x")],
    ids=lambda error: type(error).__name__,
)  # fmt: skip
def test_a_check_that_fails_is_a_finding_and_the_rest_is_made(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], error: Exception
) -> None:
    def broken(_config: object) -> object:
        raise error

    monkeypatch.setattr(command, "CHECKS", (broken, doctor.python))
    assert main(["doctor"]) == 1
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith("fail  broken") and "cannot be looked at" in first and "->" in first
    assert "python" in second


def graphics() -> list[Finding]:
    return list(doctor.graphics(load_config({})))


def test_a_torch_for_the_cpu_beside_an_nvidia_card_is_what_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "nvidia-smi").write_text("#!/bin/sh\necho 8.9\n")
    (tmp_path / "nvidia-smi").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.version, "cuda", None)
    (found,) = graphics()
    assert found.grade is Grade.WARN
    assert "built without CUDA" in found.text
    assert "pip install --force-reinstall torch --index-url" in found.remedy
    assert "mini" in found.remedy


def test_a_card_torch_is_not_built_for_is_not_ok(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda *_: (12, 0))
    monkeypatch.setattr(torch.cuda, "get_arch_list", lambda: ["sm_80", "sm_90"])
    (found,) = graphics()
    assert found.grade is Grade.WARN
    assert "sm_120" in found.text and "pip install" in found.remedy


def test_a_card_that_is_full_or_lost_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("CUDA error: out of memory\nmore lines")

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda *_: (9, 0))
    monkeypatch.setattr(torch.cuda, "get_arch_list", lambda: ["sm_90"])
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda *_: "H100")
    monkeypatch.setattr(torch.cuda, "mem_get_info", fail)
    (found,) = graphics()
    assert found.grade is Grade.WARN
    assert "out of memory" in found.text and "\n" not in found.text


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (ImportError("libcudart.so.13: cannot open shared object file"), "force-reinstall torch"),
        (OSError("[WinError 126] c10.dll"), "Visual C++"),
        (ModuleNotFoundError("No module named 'sympy'", name="sympy"), "force-reinstall torch"),
        (ModuleNotFoundError("No module named 'torch'", name="torch"), None),
    ],
    ids=["library", "dll", "part", "missing"],
)
def test_a_torch_that_cannot_be_imported_is_told(
    monkeypatch: pytest.MonkeyPatch, error: Exception, words: str | None
) -> None:
    import builtins

    real = builtins.__import__

    def importing(name: str, *rest: object, **more: object) -> object:
        if name == "torch":
            raise error
        return real(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", importing)
    found = graphics()
    if words is None:  # the engines say that
        assert found == []
    else:
        assert found[0].grade is Grade.FAIL
        assert words in found[0].remedy
