from __future__ import annotations

import errno
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from mula_bridge.errors import Busy
from mula_daemon.files import atomic
from mula_daemon.files.atomic import Part, locked, sweep
from support.crashing_disk import CrashingDisk


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_file_appears_whole_when_it_is_published(tmp_path: Path) -> None:
    part = Part(tmp_path / "a.wav")
    part.write(b"hello")
    assert names(tmp_path) == [".a.wav.part"]
    assert part.path.stat().st_size == 5
    part.publish()
    assert names(tmp_path) == ["a.wav"]
    assert (tmp_path / "a.wav").read_bytes() == b"hello"
    part.discard()
    assert names(tmp_path) == ["a.wav"]


def test_a_discarded_part_leaves_nothing(tmp_path: Path) -> None:
    part = Part(tmp_path / "a.wav")
    part.discard()
    part.discard()
    assert names(tmp_path) == []


@pytest.mark.parametrize("links", [True, False])
def test_a_file_that_is_there_is_never_overwritten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, links: bool
) -> None:
    if not links:
        monkeypatch.setattr(os, "link", _no_links)
    part = Part(tmp_path / "a.wav")
    (tmp_path / "a.wav").write_bytes(b"older")
    with pytest.raises(FileExistsError):
        part.publish()
    part.discard()
    assert (tmp_path / "a.wav").read_bytes() == b"older"
    assert names(tmp_path) == ["a.wav"]


def test_a_file_system_without_links_publishes_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "link", _no_links)
    part = Part(tmp_path / "a.wav")
    part.write(b"hello")
    part.publish()
    assert names(tmp_path) == ["a.wav"]


def test_a_part_that_cannot_be_flushed_is_not_published(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    part = Part(tmp_path / "a.wav")
    CrashingDisk(monkeypatch, file_sync=errno.EINVAL)
    with pytest.raises(OSError):
        part.publish()
    part.discard()
    assert names(tmp_path) == []


def test_two_writers_cannot_begin_the_same_file(tmp_path: Path) -> None:
    part = Part(tmp_path / "a.wav")
    with pytest.raises(FileExistsError):
        Part(tmp_path / "a.wav")
    part.discard()


def test_a_part_being_written_is_not_swept(tmp_path: Path) -> None:
    part = Part(tmp_path / "a.wav")
    assert not sweep(part.path)
    part.publish()
    assert not sweep(part.path)


def test_a_dead_process_leaves_a_part_that_is_swept(tmp_path: Path) -> None:
    program = (
        "import os, sys; from pathlib import Path; from mula_daemon.files.atomic import Part; "
        "part = Part(Path(sys.argv[1])); print('ready', flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", program, str(tmp_path / "a.wav")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"ready\n"
        assert not sweep(tmp_path / ".a.wav.part")
        child.kill()
    assert sweep(tmp_path / ".a.wav.part")
    assert names(tmp_path) == []


def test_a_lock_that_somebody_keeps_is_given_up_with_a_sentence(tmp_path: Path) -> None:
    words = f"{tmp_path}.* locked for 0.05 s: try again"
    began = time.monotonic()
    with locked(tmp_path), pytest.raises(Busy, match=words), locked(tmp_path, 0.05):
        raise AssertionError("two have it")
    assert time.monotonic() - began < 5
    with locked(tmp_path, 0.05):
        pass


def test_a_lock_that_is_let_go_in_time_is_had(tmp_path: Path) -> None:
    held, go = threading.Event(), threading.Event()

    def hold() -> None:
        with locked(tmp_path):
            held.set()
            assert go.wait(5)

    holder = threading.Thread(target=hold)
    holder.start()
    assert held.wait(5)
    threading.Timer(0.05, go.set).start()
    with locked(tmp_path, 5.0):
        assert go.is_set()
    holder.join(5)


@pytest.mark.skipif(sys.platform == "win32", reason="locks are flock's")
@pytest.mark.parametrize("number", [errno.ENOLCK, errno.EBADF, errno.EACCES, errno.ENOTSUP])
def test_where_there_are_no_locks_nobody_waits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    monkeypatch.setattr(atomic.fcntl, "flock", _failing(number))
    with locked(tmp_path, 60.0):
        part = Part(tmp_path / "a.wav")
    assert not sweep(part.path)
    part.publish()
    assert names(tmp_path) == ["a.wav"]


@pytest.mark.skipif(sys.platform == "win32", reason="parts are not locked there")
def test_a_part_whose_lock_somebody_keeps_is_refused_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(atomic, "LOCK_S", 0.02)
    monkeypatch.setattr(atomic.fcntl, "flock", _failing(errno.EAGAIN))
    with pytest.raises(BlockingIOError, match="another program holds it"):
        Part(tmp_path / "a.wav")
    assert names(tmp_path) == []


def _failing(number: int) -> Callable[[int, int], None]:
    def flock(fd: int, how: int) -> None:
        raise OSError(number, os.strerror(number))

    return flock


def _no_links(*_: object, **__: object) -> None:
    raise OSError(errno.EPERM, "no hard links here")
