"""Keeping and rejecting: no clip and no part of one is ever lost, whatever interrupts it."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import sleep

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mula_bridge.control.messages.states import Status
from mula_bridge.errors import BadInput, Busy, Unavailable, UnknownName
from mula_bridge.files import replacing
from mula_daemon.clips import moves
from mula_daemon.clips.files import ClipFiles
from mula_daemon.clips.library import Library
from mula_daemon.clips.shelves import Shelves
from support.crashing_disk import Crash, CrashingDisk
from support.shelved_clips import check_findable, check_whole, everything, put_clip


@pytest.fixture
def library(tmp_path: Path) -> Library:
    library = Library(tmp_path / "clips")
    library.prepare()
    return library


@pytest.mark.parametrize("status", [Status.KEPT, Status.REJECTED])
def test_a_clip_moves_with_all_that_belongs_to_it_and_back(
    library: Library, status: Status
) -> None:
    before = put_clip(library, "aaaaaa")
    put_clip(library, "bbbbbb")
    moved = Shelves(library).put("aaaaaa", status)
    assert moved.recipe.status is status
    assert moved.path == library.folder / str(status) / "clip_aaaaaa.wav"
    assert not before.wav.exists()
    check_whole(library, ["aaaaaa", "bbbbbb"])
    back = Shelves(library).put("aaaaaa", Status.NEW)
    assert back.path == before.wav and back.recipe.status is Status.NEW
    check_whole(library, ["aaaaaa", "bbbbbb"])


def test_from_one_shelf_to_the_other(library: Library) -> None:
    put_clip(library, "aaaaaa")
    for status in (Status.KEPT, Status.REJECTED, Status.REJECTED, Status.KEPT):
        Shelves(library).put("aaaaaa", status)
        check_whole(library, ["aaaaaa"])


def test_a_favourite_stays_where_it_is_and_is_one_everywhere(library: Library) -> None:
    files = put_clip(library, "aaaaaa")
    shelves = Shelves(library)
    assert shelves.favour("aaaaaa", True).path == files.wav
    assert shelves.put("aaaaaa", Status.KEPT).recipe.favourite
    assert not shelves.favour("aaaaaa", False).recipe.favourite
    check_whole(library, ["aaaaaa"])


def test_an_unknown_clip_is_answered_with_the_nearest(library: Library) -> None:
    put_clip(library, "aaaaaa")
    with pytest.raises(UnknownName, match="did you mean aaaaaa"):
        Shelves(library).put("aaaaab", Status.KEPT)


def test_a_folder_that_went_away_is_said_so(library: Library) -> None:
    library.hidden.rmdir()
    library.folder.rmdir()
    with pytest.raises(Unavailable, match="has gone"):
        Shelves(library).put("aaaaaa", Status.KEPT)


# --- what a DAW holds -------------------------------------------------------------------------


@pytest.mark.parametrize("ending", [".asd", ".reapeaks"])
@pytest.mark.parametrize("links", [True, False])
def test_a_wav_that_a_daw_has_loaded_keeps_its_old_name_too(
    library: Library, monkeypatch: pytest.MonkeyPatch, ending: str, links: bool
) -> None:
    files = put_clip(library, "aaaaaa")
    trace = files.wav.with_name(files.wav.name + ending)
    trace.write_text("")
    CrashingDisk(monkeypatch, links=links)
    moved = Shelves(library).put("aaaaaa", Status.KEPT)
    assert files.wav.read_bytes() == moved.path.read_bytes()
    check_whole(library, ["aaaaaa"], frozenset({trace, files.wav}))
    assert Shelves(library).put("aaaaaa", Status.NEW).path == files.wav
    check_whole(library, ["aaaaaa"], frozenset({trace}))


@pytest.mark.parametrize("name", ["EINVAL", "ENOTSUP", "ENOSYS", "EBADF"])
def test_a_clip_is_kept_and_the_next_start_works_where_the_system_flushes_no_folders(
    library: Library, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    put_clip(library, "aaaaaa")
    CrashingDisk(monkeypatch, folder_sync=getattr(errno, name))
    assert Shelves(library).put("aaaaaa", Status.KEPT).recipe.status is Status.KEPT
    library.prepare()
    check_whole(library, ["aaaaaa"])


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not show who holds a file")
def test_a_wav_that_a_player_has_open_keeps_its_old_name_too(library: Library) -> None:
    files = put_clip(library, "aaaaaa")
    script = "import sys; f = open(sys.argv[1]); print('open', flush=True); sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", script, files.wav],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as player:  # fmt: skip
        assert player.stdout and player.stdout.readline() == "open\n"
        Shelves(library).put("aaaaaa", Status.REJECTED)
        player.communicate()
    check_whole(library, ["aaaaaa"], frozenset({files.wav}))


def test_a_wav_that_the_system_does_not_let_go_keeps_its_old_name_too(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on Windows, where an open file can get a second name but not lose its first."""
    files = put_clip(library, "aaaaaa")
    unlink = os.unlink

    def refuse(path: Path, **kwargs: object) -> None:
        if Path(path) == files.wav:
            raise PermissionError(errno.EACCES, "held", str(path))
        unlink(path)

    monkeypatch.setattr(os, "unlink", refuse)
    Shelves(library).put("aaaaaa", Status.KEPT)
    check_whole(library, ["aaaaaa"], frozenset({files.wav}))


def test_a_held_wav_is_copied_where_it_can_be_neither_linked_nor_renamed(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = put_clip(library, "aaaaaa")
    rename, unlink = os.rename, os.unlink

    def held(path: object) -> None:
        if Path(str(path)) == files.wav:
            raise PermissionError(errno.EACCES, "held", str(path))

    CrashingDisk(monkeypatch, links=False)
    monkeypatch.setattr(os, "rename", lambda one, two: (held(one), rename(one, two)))
    monkeypatch.setattr(os, "unlink", lambda path: (held(path), unlink(path)))
    Shelves(library).put("aaaaaa", Status.KEPT)
    check_whole(library, ["aaaaaa"], frozenset({files.wav}))


def test_a_sidecar_that_another_program_holds_is_named_and_the_move_ends_later(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = put_clip(library, "aaaaaa")
    monkeypatch.setattr(replacing, "_PAUSE_S", 0.0)
    unlink = os.unlink

    def refuse(path: Path, **kwargs: object) -> None:
        if Path(path) == files.sidecar:
            raise PermissionError(errno.EACCES, "held", str(path))
        unlink(path)

    with monkeypatch.context() as patch:
        patch.setattr(os, "unlink", refuse)
        with pytest.raises(Busy, match=r"another program holds .*clip_aaaaaa\.json: close it"):
            Shelves(library).put("aaaaaa", Status.KEPT)
        check_findable(library, ["aaaaaa"])
    library.prepare()
    check_whole(library, ["aaaaaa"])
    assert library.find("aaaaaa").recipe.status is Status.KEPT


def test_a_file_of_somebody_else_is_never_overwritten(library: Library) -> None:
    put_clip(library, "aaaaaa")
    other = library.folder / "kept" / "clip_aaaaaa.wav"
    other.parent.mkdir()
    other.write_text("mine")
    with pytest.raises(BadInput, match=r"clip_aaaaaa\.wav is another file: move it away"):
        Shelves(library).put("aaaaaa", Status.KEPT)
    assert other.read_text() == "mine"
    check_whole(library, ["aaaaaa"], frozenset({other}))


def test_a_note_that_makes_no_sense_is_set_aside(library: Library) -> None:
    put_clip(library, "aaaaaa")
    outside = {"source": "../..", "target": "", "files": [], "sidecar": "", "wav": "", "text": ""}
    for text in ("\xff", "{", "[]", '{"source": "../..", "target": ""}', json.dumps(outside)):
        (library.hidden / moves.NOTE).write_text(text, encoding="latin-1")
        library.prepare()
    assert (library.hidden / f"{moves.NOTE}.bad").read_text() == text
    Shelves(library).put("aaaaaa", Status.KEPT)
    check_whole(library, ["aaaaaa"], frozenset({library.hidden / f"{moves.NOTE}.bad"}))


# --- crashes ----------------------------------------------------------------------------------


@contextmanager
def crashing_library(ids: list[str], *, links: bool) -> Iterator[tuple[Library, CrashingDisk]]:
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        library = Library(Path(folder))
        library.prepare()
        for clip_id in ids:
            put_clip(library, clip_id)
        yield library, CrashingDisk(patch, links=links)


def restart(library: Library, disk: CrashingDisk, countdown: int | None = None) -> None:
    """Start again, and again if it dies while it mends."""
    disk.revive()
    disk.countdown = countdown
    try:
        library.prepare()
    except Crash:
        disk.revive()
        library.prepare()
    disk.revive()


IDS = ["aaaaaa", "bbbbbb"]
deaths = st.none() | st.integers(0, 40)
steps = st.tuples(
    st.sampled_from(IDS),
    st.sampled_from([*Status, True, False]),
    deaths,
    st.none() | st.integers(0, 25),
)


@settings(max_examples=60, deadline=None)
@given(st.booleans(), st.lists(steps, min_size=1, max_size=6))
def test_nothing_is_lost_wherever_it_dies(
    links: bool, script: list[tuple[str, Status | bool, int | None, int | None]]
) -> None:
    with crashing_library(IDS, links=links) as (library, disk):
        shelves = Shelves(library)
        for clip_id, wanted, death, second in script:
            disk.countdown = death
            try:
                if isinstance(wanted, bool):
                    shelves.favour(clip_id, wanted)
                else:
                    shelves.put(clip_id, wanted)
            except Crash:
                check_findable(library, IDS)
                restart(library, disk, second)
            disk.revive()
            check_whole(library, IDS)


@pytest.mark.parametrize("links", [True, False])
def test_a_move_that_died_is_either_not_begun_or_carried_out(links: bool) -> None:
    """Every single place to die at, one after another."""
    outcomes = []
    for death in range(100):
        with crashing_library(IDS, links=links) as (library, disk):
            disk.countdown = death
            try:
                Shelves(library).put("aaaaaa", Status.KEPT)
            except Crash:
                check_findable(library, IDS)
                restart(library, disk)
                check_whole(library, IDS)
                outcomes.append(library.find("aaaaaa").recipe.status)
            else:
                break
    assert 10 < len(outcomes) < 100
    assert outcomes == sorted(outcomes, key=[Status.NEW, Status.KEPT].index)
    assert set(outcomes) == {Status.NEW, Status.KEPT}


JUDGE_FOREVER = """
import random, sys
from pathlib import Path
from mula_bridge.control.messages.states import Status
from mula_daemon.clips.library import Library
from mula_daemon.clips.shelves import Shelves
library = Library(Path(sys.argv[1]))
library.prepare()
print("ready", flush=True)
chance = random.Random(int(sys.argv[2]))
while True:
    Shelves(library).put(chance.choice(sys.argv[3:]), chance.choice(list(Status)))
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="kills in the way of POSIX")
def test_processes_that_are_killed_while_they_move_the_same_clips_lose_nothing(
    library: Library,
) -> None:
    ids = [f"c{number:05}" for number in range(6)]
    for clip_id in ids:
        put_clip(library, clip_id)
    command = [sys.executable, "-c", JUDGE_FOREVER, str(library.folder)]
    for round_number in range(2):
        movers = [
            subprocess.Popen([*command, str(2 * round_number + one), *ids], stdout=subprocess.PIPE)
            for one in range(2)
        ]
        for mover in movers:
            assert mover.stdout and mover.stdout.readline() == b"ready\n"
        for mover in movers:
            sleep(0.05 + 0.03 * round_number)
            mover.send_signal(signal.SIGKILL)
            mover.communicate()
        check_findable(library, ids)
        library.prepare()
        check_whole(library, ids)


def test_the_files_of_a_clip_are_those_that_are_moved(library: Library) -> None:
    """So that a file that is added to a clip one day is not forgotten here."""
    put_clip(library, "aaaaaa")
    assert set(library.find("aaaaaa").files()) == set(everything(library.folder))
    assert ClipFiles(library.folder, "clip_aaaaaa").wav in everything(library.folder)
