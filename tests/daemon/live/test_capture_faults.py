"""Captures on a disk that fails: told, nothing left half-written, and the next one is kept."""

from __future__ import annotations

import errno
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from time import perf_counter_ns

import pytest
import soundfile

from mula_bridge.control.messages.commands import Capture
from mula_bridge.control.messages.reports import ClipReady, Failed
from mula_daemon.clips import folder_sink
from mula_daemon.clips.folder_sink import FolderSink
from mula_daemon.files.atomic import Part
from support.live_rig import ALICE, FRAME, Rig
from support.shelved_clips import everything

ERRORS = [
    OSError(errno.ENOSPC, "No space left on device"),
    OSError(errno.EIO, "Input/output error"),
    soundfile.LibsndfileError(1),
    MemoryError(),
    RuntimeError("a bug"),
]
SEAMS: list[tuple[object, str]] = [
    (FolderSink, "open"), (FolderSink, "write"), (FolderSink, "_publish"), (Part, "publish"),
    (Part, "write"), (folder_sink, "describe"), (folder_sink, "WavWriter"),
    (folder_sink, "sync_folder"),
]  # fmt: skip


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    rig = Rig(tmp_path / "clips")
    yield rig
    rig.stop()


def play_a_bar(rig: Rig) -> None:
    rig.speaker.feeder.stop()  # which would say that less has been heard, as soon as it reads
    job = rig.begin()
    rig.play(job, 17)
    assert rig.live.recording is not None
    rig.live.recording.voice.placed = (16 * FRAME + 500, perf_counter_ns())


def raising(error: Exception) -> Callable[..., object]:
    def fail(*_: object, **__: object) -> object:
        raise error

    return fail


def test_whatever_keeping_a_capture_meets_is_told_and_undone_and_the_next_one_is_kept(
    rig: Rig,
) -> None:
    """Every error at every seam, one after another, in one performance."""
    play_a_bar(rig)
    told = 0
    for owner, name in SEAMS:
        for error in ERRORS:
            if name == "sync_folder" and not isinstance(error, OSError):
                continue
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(owner, name, raising(error))
                rig.mailbox.put(Capture(1), ALICE)
                told += 2  # everybody, and who asked
                rig.ear.wait(Failed, lambda _, told=told: len(rig.ear.all(Failed)) >= told)
            failed = rig.ear.all(Failed)[-1]
            assert failed.address == "/mula/capture", (name, error)
            assert everything(rig.library.folder) == [], (name, error)
    rig.mailbox.put(Capture(1), ALICE)
    ready = rig.ear.wait(ClipReady)
    assert [clip.recipe.id for clip in rig.library.clips()] == [ready.id]
    assert rig.catalogue.find(ready.id).path == Path(ready.path)


def test_a_folder_that_is_away_costs_the_captures_of_that_time_and_no_more(rig: Rig) -> None:
    play_a_bar(rig)
    folder = rig.library.folder
    folder.rename(folder.with_name("away"))
    rig.mailbox.put(Capture(1), ALICE)
    assert "has gone" in rig.ear.wait(Failed).text
    assert not folder.exists()
    folder.with_name("away").rename(folder)
    rig.mailbox.put(Capture(1), ALICE)
    assert Path(rig.ear.wait(ClipReady).path).exists()


def test_a_folder_that_is_made_again_is_written_to_again(rig: Rig) -> None:
    play_a_bar(rig)
    shutil.rmtree(rig.library.folder)
    rig.library.folder.mkdir()
    rig.mailbox.put(Capture(1), ALICE)
    assert Path(rig.ear.wait(ClipReady).path).exists()


def test_captures_that_wait_at_the_end_are_written(rig: Rig) -> None:
    play_a_bar(rig)
    for _ in range(4):
        rig.mailbox.put(Capture(1), ALICE)
    rig.stop()
    assert len(rig.library.clips()) == 4
    assert len(rig.ear.all(ClipReady)) == 4
