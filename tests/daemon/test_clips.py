from __future__ import annotations

import errno
import os
import platform
import shutil
from collections import namedtuple
from pathlib import Path

import numpy as np
import platformdirs
import pytest

from mula_bridge.errors import BadInput, Unavailable, UnknownName
from mula_daemon import naming
from mula_daemon.atomic import Part
from mula_daemon.clips import Library, default_folder
from mula_daemon.sinks.folder import FolderSink
from support.takes import FINISHED, make_take, noise

Usage = namedtuple("Usage", "total used free")


@pytest.fixture
def library(tmp_path: Path) -> Library:
    library = Library(tmp_path / "music" / "clips")
    library.prepare()
    return library


def land(library: Library, name: str, created: str = "2025-06-01T12:00:00Z") -> Path:
    """Publish a clip with the id ``name``."""
    sink = FolderSink(library.folder, now=lambda: created)
    take = make_take(id=name)
    sink.open(take)
    sink.write(noise(take.samples))
    sink.close(FINISHED)
    assert sink.path
    return sink.path


def test_a_fresh_folder_is_made_with_its_hidden_part(library: Library) -> None:
    assert library.hidden.is_dir()
    assert library.clips() == []
    assert library.count() == 0
    assert list(library.hidden.iterdir()) == []


def test_clips_are_listed_oldest_first_and_found_by_id(library: Library) -> None:
    paths = {name: land(library, name, f"2025-06-0{day}T12:00:00Z") for day, name in
             [(2, "bbbbbb"), (1, "cccccc"), (3, "aaaaaa")]}  # fmt: skip
    clips = library.clips()
    assert [clip.recipe.id for clip in clips] == ["cccccc", "bbbbbb", "aaaaaa"]
    assert [clip.path for clip in clips] == [paths[clip.recipe.id] for clip in clips]
    assert library.count() == 3
    assert library.find("bbbbbb") == clips[1]


def test_a_clip_gives_its_codes(library: Library) -> None:
    land(library, "aaaaaa")
    clip = library.find("aaaaaa")
    np.testing.assert_array_equal(clip.codes(), FINISHED.codes)
    assert clip.codes().dtype == np.int32
    assert clip.codes_path
    clip.codes_path.write_bytes(b"not an archive")
    with pytest.raises(BadInput, match="cannot be read as codes"):
        clip.codes()


def test_an_unknown_id_is_answered_with_the_nearest(library: Library) -> None:
    land(library, "abc123")
    with pytest.raises(UnknownName, match="did you mean abc123"):
        library.find("abc124")


def test_a_broken_sidecar_is_reported_and_hides_no_other_clip(library: Library) -> None:
    land(library, "aaaaaa")
    land(library, "bbbbbb")
    library.find("bbbbbb").sidecar.write_text("{}")
    problems: list[BadInput] = []
    assert [clip.recipe.id for clip in library.clips(problems.append)] == ["aaaaaa"]
    assert "bbbbbb.json: field schema is missing" in str(problems)
    with pytest.raises(BadInput):
        library.find("bbbbbb")


def test_a_clip_whose_wav_was_moved_is_left_out_and_keeps_its_sidecar(library: Library) -> None:
    land(library, "aaaaaa").unlink()
    assert library.clips() == []
    assert library.prepare() == []
    assert len(list(library.hidden.iterdir())) == 2


def test_a_new_id_is_not_one_of_the_folder(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    land(library, "aaaaaa")
    letters = iter("aaaaaabbbbbb")
    monkeypatch.setattr(naming.secrets, "choice", lambda _: next(letters))
    assert library.new_id() == "bbbbbb"


def test_what_a_dead_process_left_is_swept_and_nothing_else(library: Library) -> None:
    kept = land(library, "aaaaaa")
    alive = Part(library.folder / "alive.wav")
    dead = [
        library.folder / ".dead_x.wav.part",
        library.hidden / ".dead_x.json.part",
    ]
    unpublished = library.hidden / "dead_x.json"
    for path in [*dead, unpublished]:
        path.write_bytes(b"x")
    foreign = library.folder / ".hidden.part"
    foreign.write_bytes(b"x")
    assert sorted(library.prepare()) == sorted(dead)
    assert not unpublished.exists()
    assert alive.path.exists()
    assert foreign.exists()
    assert kept.exists()
    assert library.count() == 1
    alive.discard()


def test_a_published_clip_keeps_its_sidecar_when_its_part_was_left_over(library: Library) -> None:
    path = land(library, "aaaaaa")
    left = path.with_name(f".{path.name}.part")
    os.link(path, left)
    assert library.prepare() == [left]
    assert library.count() == 1


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.ENOSPC, "is on a full disk: make room"),
        (errno.EACCES, "cannot be written to: change its permissions"),
        (errno.EROFS, "cannot be written to: change its permissions"),
        (errno.ENOENT, "has gone: plug its drive in"),
        (errno.EIO, "cannot be used .*choose another folder"),
    ],
)
def test_what_is_wrong_with_a_folder_is_said_with_a_remedy(
    library: Library, monkeypatch: pytest.MonkeyPatch, number: int, words: str
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("mula_daemon.atomic.os.open", fail)
    with pytest.raises(Unavailable, match=f"clip folder {library.folder} {words}"):
        library.prepare()


def test_a_file_in_the_place_of_the_folder_is_said_so(tmp_path: Path) -> None:
    (tmp_path / "clips").write_text("")
    with pytest.raises(Unavailable, match="choose another folder"):
        Library(tmp_path / "clips").prepare()


def test_a_nearly_full_disk_is_refused_before_the_first_sample(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(1 << 40, 0, 20 << 20))
    library.require(1 << 20)
    with pytest.raises(Unavailable, match="full disk"):
        library.require(8 << 20)


def test_a_folder_that_went_away_is_not_made_anew(library: Library) -> None:
    shutil.rmtree(library.folder.parent)
    with pytest.raises(Unavailable, match="has gone"):
        library.require(1)
    assert library.clips() == []


@pytest.mark.parametrize(
    ("system", "live"),
    [("Darwin", "Music/Ableton/User Library"), ("Windows", "Documents/Ableton/User Library")],
)
def test_the_default_folder_is_in_lives_user_library_if_there_is_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, system: str, live: str
) -> None:
    monkeypatch.setattr(platform, "system", lambda: system)
    monkeypatch.setattr(platformdirs, "user_music_path", lambda: tmp_path / "Music")
    monkeypatch.setattr(platformdirs, "user_documents_path", lambda: tmp_path / "Documents")
    assert default_folder() == tmp_path / "Music" / "mulabridge"
    (tmp_path / live).mkdir(parents=True)
    assert default_folder() == tmp_path / live / "Samples" / "mulabridge"


def test_on_linux_the_default_folder_is_in_the_users_music_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(platform, "system", lambda: "Linux")
    monkeypatch.setenv("XDG_MUSIC_DIR", str(tmp_path / "Musik"))
    assert default_folder() == tmp_path / "Musik" / "mulabridge"
