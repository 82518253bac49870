from __future__ import annotations

import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mula_daemon.audio.shared_ring import _VERSION, CAPACITY, SharedRing
from support.takes import noise
from support.voices import flat


@pytest.fixture
def ends() -> Iterator[tuple[SharedRing, SharedRing]]:
    ours = SharedRing()
    theirs = SharedRing(ours.name)
    yield ours, theirs
    theirs.close()
    ours.unlink()
    ours.close()


@given(st.lists(st.integers(0, 700), max_size=30))
def test_what_is_read_is_what_was_written(sizes: list[int]) -> None:
    ring = SharedRing()
    sound, out = noise(sum(sizes)), np.empty((sum(sizes), 2), np.float32)
    start = 0
    for size in sizes:
        ring.write(sound[start : start + size], sounding=True)
        ring.read_into(out[start : start + size], 0)
        start += size
    np.testing.assert_array_equal(out, sound)
    assert ring.underruns == 0
    ring.unlink()


def test_the_other_process_reads_across_the_end_of_the_memory(
    ends: tuple[SharedRing, SharedRing],
) -> None:
    ours, theirs = ends
    sound = noise(CAPACITY + 5000)
    out = np.empty((CAPACITY - 100, 2), np.float32)
    ours.write(sound[: CAPACITY - 100], sounding=True)
    theirs.read_into(out, 0)
    out = np.empty((5100, 2), np.float32)
    ours.write(sound[CAPACITY - 100 :], sounding=True)
    theirs.read_into(out, 0)
    np.testing.assert_array_equal(out, sound[CAPACITY - 100 :])


def test_more_than_fits_is_refused(ends: tuple[SharedRing, SharedRing]) -> None:
    with pytest.raises(ValueError, match="do not fit"):
        ends[0].write(flat(CAPACITY + 1), sounding=True)


def test_a_gap_is_silence_and_one_underrun_only_where_something_sounded(
    ends: tuple[SharedRing, SharedRing],
) -> None:
    ours, theirs = ends
    out = np.full((256, 2), 9.9, np.float32)
    for sounding, underruns in ((False, 0), (True, 1)):
        ours.write(flat(100), sounding=sounding)
        theirs.read_into(out, 0)
        assert out[:100].all()
        assert not out[100:].any()
        theirs.read_into(out, 0)
        assert ours.underruns == underruns


def test_mute_silences_what_was_written_and_nothing_after(
    ends: tuple[SharedRing, SharedRing],
) -> None:
    ours, theirs = ends
    ours.write(flat(300), sounding=True)
    ours.mute()
    ours.write(flat(300), sounding=True)
    out = np.empty((600, 2), np.float32)
    theirs.read_into(out, 0)
    assert not out[:300].any()
    assert out[300:].all()


def test_the_position_tells_which_frame_is_heard_when(
    ends: tuple[SharedRing, SharedRing],
) -> None:
    ours, theirs = ends
    assert ours.position() is None
    ours.write(flat(300), sounding=True)
    theirs.read_into(np.empty((256, 2), np.float32), 1_000_000_000)
    first = ours.position()
    theirs.read_into(np.empty((256, 2), np.float32), 1_000_000_000)
    second = ours.position()
    assert first is not None
    assert second is not None
    assert (first.frame, first.count, first.period) == (0, 256, 256)
    assert (second.frame, second.count, second.period) == (256, 44, 256)
    assert 0 < second.heard_ns - first.heard_ns < 1_000_000_000


def test_two_threads_lose_no_frame_and_invent_none(ends: tuple[SharedRing, SharedRing]) -> None:
    ours, theirs = ends
    total, heard = 300_000, []
    sound = np.arange(1, total + 1, dtype=np.float32).repeat(2).reshape(-1, 2)

    def read() -> None:
        while sum(map(len, heard)) < total:
            out = np.empty((777, 2), np.float32)
            theirs.read_into(out, 0)
            heard.append(out[out[:, 0] > 0])

    reader = threading.Thread(target=read)
    reader.start()
    done = 0
    while done < total:
        size = min(1000, total - done, CAPACITY - (ours.written - ours.taken))
        ours.write(sound[done : done + size], sounding=True)
        done += size
    reader.join(30)
    np.testing.assert_array_equal(np.concatenate(heard), sound)


def test_a_process_that_was_ended_as_it_told_its_position_holds_nobody_up(
    ends: tuple[SharedRing, SharedRing],
) -> None:
    ours, theirs = ends
    theirs.read_into(np.empty((256, 2), np.float32), 0)
    assert ours.position() is not None
    theirs._header[_VERSION] += 1
    assert ours.position() is None


FULL = """
from mula_daemon.audio.shared_ring import SharedRing
import os
try:
    SharedRing()
except OSError as error:
    print(error.errno, os.listdir("/dev/shm"))
"""


def without_room(room: str, *command: str) -> list[str]:
    """A command that has its own /dev/shm, of that size."""
    mount = f'mount -t tmpfs -o size={room} tmpfs /dev/shm && exec "$@"'
    return ["unshare", "--map-root-user", "--mount", "sh", "-c", mount, "sh", *command]


def can_mount() -> bool:
    if sys.platform != "linux" or shutil.which("unshare") is None:
        return False
    return subprocess.run(without_room("64k", "true"), capture_output=True).returncode == 0


def test_a_full_shared_memory_is_an_error_and_not_the_end_of_whoever_writes() -> None:
    if not can_mount():
        pytest.skip("no namespaces here")
    command = without_room("64k", sys.executable, "-c", FULL)
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (0, "28 []\n"), done.stderr
