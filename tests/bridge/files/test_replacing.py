"""A text in the place of another: whole, durable, and nothing left beside it."""

from __future__ import annotations

import errno
import os
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from mula_bridge.errors import BadInput
from mula_bridge.files import replacing
from mula_bridge.files.replacing import patiently, replace_text, sync_folder
from support.crashing_disk import Crash, CrashingDisk


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "notes.json"
    path.write_text("old", encoding="utf-8")
    return path


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replacing, "_PAUSE_S", 0.0)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def failing(number: int, times: int = 10**6) -> Callable[..., object]:
    """``os.replace``, but for the first ``times`` with an error."""
    left = [times]
    real = os.replace

    def replace(*args: object) -> None:
        left[0] -= 1
        if left[0] >= 0:
            raise OSError(number, os.strerror(number))
        real(*args)  # type: ignore[arg-type]

    return replace


@pytest.mark.parametrize("text", ["", "new", "žluťoučký\n", "a\r\nb\n"])
def test_a_file_holds_the_new_text_and_nothing_lies_beside_it(file: Path, text: str) -> None:
    replace_text(file, text)
    assert file.read_bytes() == text.encode()
    assert names(file.parent) == ["notes.json"]


def test_a_file_that_is_not_there_yet_appears(tmp_path: Path) -> None:
    replace_text(tmp_path / "new", "text")
    assert (tmp_path / "new").read_text() == "text"


def test_the_bytes_and_then_the_name_are_flushed_to_the_disk(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []
    fsync, replace = os.fsync, os.replace
    monkeypatch.setattr(os, "fsync", lambda fd: (done.append("sync"), fsync(fd)))
    monkeypatch.setattr(os, "replace", lambda *args: (done.append("rename"), replace(*args)))
    replace_text(file, "new")
    assert done == ["sync", "rename", "sync"] if os.name != "nt" else ["sync", "rename"]


@pytest.mark.skipif(sys.platform == "win32", reason="has no such permissions")
@pytest.mark.parametrize("mode", [0o600, 0o644, 0o664])
def test_a_file_keeps_its_permissions(file: Path, mode: int) -> None:
    file.chmod(mode)
    replace_text(file, "new")
    assert file.stat().st_mode & 0o777 == mode


@pytest.mark.skipif(sys.platform == "win32", reason="has no such permissions")
def test_a_new_file_has_the_permissions_that_the_user_gives_new_files(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        replace_text(tmp_path / "new", "text")
    finally:
        os.umask(before)
    assert (tmp_path / "new").stat().st_mode & 0o777 == 0o640


@pytest.mark.skipif(sys.platform == "win32", reason="links need a privilege there")
def test_a_link_stays_a_link(file: Path, tmp_path: Path) -> None:
    link = tmp_path / "link.json"
    link.symlink_to(file)
    replace_text(link, "new")
    assert link.is_symlink()
    assert file.read_text() == "new"


def test_a_text_that_utf_8_cannot_spell_is_refused_and_the_file_stays(file: Path) -> None:
    with pytest.raises(BadInput, match=r"notes\.json: cannot hold '\\ud800'"):
        replace_text(file, "half \ud800")
    assert file.read_text() == "old"
    assert names(file.parent) == ["notes.json"]


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EACCES])
def test_a_failure_leaves_the_old_text_and_nothing_beside_it(
    file: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    monkeypatch.setattr(os, "replace", failing(number))
    with pytest.raises(OSError) as caught:
        replace_text(file, "new")
    assert caught.value.errno == number
    assert file.read_text() == "old"
    assert names(file.parent) == ["notes.json"]


def test_a_file_that_another_program_holds_for_a_moment_is_waited_for(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "replace", failing(errno.EACCES, times=3))
    replace_text(file, "new")
    assert file.read_text() == "new"


def test_what_is_not_held_is_not_tried_twice() -> None:
    tries = []

    def full() -> None:
        tries.append(1)
        raise OSError(errno.ENOSPC, "full")

    with pytest.raises(OSError, match="full"):
        patiently(full)
    assert len(tries) == 1


NO_FOLDER_SYNC = ("EINVAL", "ENOTSUP", "EOPNOTSUPP", "ENOSYS", "EBADF", "EACCES", "EPERM")


@pytest.mark.skipif(sys.platform == "win32", reason="flushes no folders")
@pytest.mark.parametrize("name", NO_FOLDER_SYNC)
def test_a_file_system_that_flushes_no_folders_is_no_failure(
    file: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    CrashingDisk(monkeypatch, folder_sync=getattr(errno, name))
    sync_folder(file.parent)
    replace_text(file, "new")
    assert file.read_text() == "new"


@pytest.mark.skipif(sys.platform == "win32", reason="flushes no folders")
def test_a_folder_that_nobody_may_open_is_no_failure(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.open

    def refuse(path: object, flags: int, *args: int) -> int:
        if Path(str(path)).is_dir():
            raise PermissionError(errno.EACCES, "not listed")
        return real(str(path), flags, *args)

    monkeypatch.setattr(os, "open", refuse)
    sync_folder(file.parent)


@pytest.mark.skipif(sys.platform == "win32", reason="flushes no folders")
def test_a_disk_that_fails_at_a_folder_is_a_failure(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    CrashingDisk(monkeypatch, folder_sync=errno.EIO)
    with pytest.raises(OSError):
        sync_folder(file.parent)


@pytest.mark.parametrize("name", ["EINVAL", "EIO", "ENOSPC"])
def test_a_file_that_cannot_be_flushed_is_a_failure_and_the_old_text_stays(
    file: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    CrashingDisk(monkeypatch, file_sync=getattr(errno, name))
    with pytest.raises(OSError):
        replace_text(file, "new")
    assert file.read_text() == "old"
    assert names(file.parent) == ["notes.json"]


def test_wherever_it_dies_the_old_text_is_there_or_the_new_one(tmp_path: Path) -> None:
    """Every single place to die at, one after another."""
    seen = []
    for death in range(30):
        file = tmp_path / str(death) / "notes.json"
        file.parent.mkdir()
        file.write_text("old")
        with pytest.MonkeyPatch.context() as patch:
            disk = CrashingDisk(patch)
            disk.countdown = death
            try:
                replace_text(file, "new")
            except Crash:
                disk.revive()
                seen.append(file.read_text())
                replace_text(file, "newer")  # the next process is not hindered
                assert file.read_text() == "newer"
            else:
                break
    assert len(seen) >= 4
    assert set(seen) == {"old", "new"}
    assert seen == sorted(seen, reverse=True)


def test_writers_at_once_leave_the_text_of_one_of_them(file: Path) -> None:
    texts = [str(number) * 10_000 for number in range(8)]

    def write(text: str) -> None:
        for _ in range(5):
            replace_text(file, text)
            assert file.read_text() in texts

    threads = [threading.Thread(target=write, args=(text,)) for text in texts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert file.read_text() in texts
    assert names(file.parent) == ["notes.json"]


@pytest.mark.skipif(sys.platform == "win32", reason="links need rights there")
def test_a_link_that_leads_round_is_an_error_of_the_disk(file: Path) -> None:
    file.unlink()
    file.symlink_to(file.name)
    with pytest.raises(OSError, match=r"notes\.json"):
        replace_text(file, "new")
    assert names(file.parent) == ["notes.json"]
