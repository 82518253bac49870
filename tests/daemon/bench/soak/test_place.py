"""What can happen to the folder of a soak, and that it is over afterwards."""

from __future__ import annotations

import errno
from collections.abc import Iterator

import pytest

from mula_bridge.errors import Unavailable
from mula_daemon.bench.soak import place
from mula_daemon.bench.soak.place import SmallDisk, small_disk


@pytest.fixture
def disk() -> Iterator[SmallDisk]:
    with small_disk() as made:
        yield made


def test_a_sealed_folder_takes_nothing_until_it_is_unsealed(disk: SmallDisk) -> None:
    if not disk.can_seal:
        pytest.skip("root may write anywhere, and no disk can be mounted here")
    disk.seal()
    with pytest.raises(OSError, match=r"Read-only|Permission"):
        (disk.clips / "x").write_text("x")
    disk.unseal()
    (disk.clips / "x").write_text("x")


def test_a_folder_that_is_not_unsealed_at_once_is_tried_again(
    disk: SmallDisk, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not disk.mounted:
        pytest.skip("no disk can be mounted here")
    run, tried = place._run, list[str]()

    def fail_once(*command: str) -> bool:
        tried.append(command[0])
        return len(tried) > 1 and run(*command)

    disk.seal()
    monkeypatch.setattr(place, "_run", fail_once)
    monkeypatch.setattr(place, "_PAUSE_S", 0.0)
    disk.unseal()
    assert tried == ["umount"] * 2
    (disk.clips / "x").write_text("x")


def test_a_folder_that_stays_sealed_is_told_and_unsealed_at_the_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with small_disk() as disk:
        if not disk.mounted:
            pytest.skip("no disk can be mounted here")
        disk.seal()
        with monkeypatch.context() as patch:
            patch.setattr(place, "_run", lambda *_: False)
            patch.setattr(place, "_PAUSE_S", 0.0)
            with pytest.raises(Unavailable, match="is still read-only; see to it: umount"):
                disk.unseal()
    assert not disk.root.exists()


def test_a_full_disk_takes_nothing_until_it_is_emptied(disk: SmallDisk) -> None:
    if not disk.mounted:
        pytest.skip("no disk can be mounted here")
    disk.fill()
    with pytest.raises(OSError, match="No space") as full:
        (disk.clips / "x").write_bytes(bytes(100_000))
    assert full.value.errno == errno.ENOSPC
    disk.empty()
    (disk.clips / "x").write_bytes(bytes(100_000))


def test_a_folder_comes_back_with_what_was_made_in_its_place(disk: SmallDisk) -> None:
    (disk.clips / "old").write_text("old")
    disk.take_away()
    assert not disk.clips.exists()
    (disk.clips / ".mula").mkdir(parents=True)
    (disk.clips / ".mula" / "new").write_text("new")
    disk.bring_back()
    assert (disk.clips / "old").read_text() == "old"
    assert (disk.clips / ".mula" / "new").read_text() == "new"
