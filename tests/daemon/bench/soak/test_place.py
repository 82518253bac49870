"""What can happen to the folder of a soak, and that it is over afterwards."""

from __future__ import annotations

import errno
from collections.abc import Iterator

import pytest

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
