from __future__ import annotations

import errno
import os
import shutil
from collections import namedtuple
from collections.abc import Callable
from pathlib import Path, PurePath

import numpy as np
import pytest
from msgspec.structs import replace

from mula_bridge.errors import BadInput, Busy, Unavailable, UnknownName
from mula_daemon.clips import library as library_module
from mula_daemon.clips import naming
from mula_daemon.clips.files import ClipFiles
from mula_daemon.clips.folder_sink import FolderSink
from mula_daemon.clips.library import Library
from mula_daemon.clips.recipe import to_json
from mula_daemon.files.atomic import Part
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


def with_notes_and_stems(library: Library, name: str) -> list[Path]:
    """Give a clip that landed notes and a stem; returns their paths."""
    clip = library.find(name)
    files = ClipFiles(library.folder, clip.path.stem)
    for path in (files.midi, files.stem("kick")):
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"")
    recipe = replace(
        clip.recipe,
        midi=files.relative(files.midi),
        stems={"kick": files.relative(files.stem("kick"))},
    )
    clip.sidecar.write_text(to_json(recipe))
    return [files.midi, files.stem("kick")]


def test_a_clip_knows_every_file_of_its_own_and_the_wav_is_the_last(library: Library) -> None:
    land(library, "bbbbbb")
    path = land(library, "aaaaaa")
    midi, stem = with_notes_and_stems(library, "aaaaaa")
    clip = library.find("aaaaaa")
    assert clip.files() == (clip.codes_path, midi, stem, clip.sidecar, path)
    assert {file.relative_to(library.folder).parts[0] for file in clip.files()[:-1]} == {
        ".mula", "midi", "stems",
    }  # fmt: skip
    midi.unlink()
    assert clip.files() == (clip.codes_path, stem, clip.sidecar, path)


@pytest.mark.parametrize("name", ["/etc/passwd", "../other.mid", "midi/../../x", "C:x", "a\\b"])
def test_a_sidecar_that_names_a_file_outside_is_refused(library: Library, name: str) -> None:
    land(library, "aaaaaa")
    clip = library.find("aaaaaa")
    clip.sidecar.write_text(to_json(replace(clip.recipe, midi=name)))
    with pytest.raises(BadInput, match="below the clip's folder"):
        library.find("aaaaaa").files()


def test_the_sweep_takes_notes_and_stems_of_a_clip_that_never_came(library: Library) -> None:
    land(library, "bbbbbb")
    kept = with_notes_and_stems(library, "bbbbbb")
    path = land(library, "aaaaaa")
    lost = with_notes_and_stems(library, "aaaaaa")
    path.rename(path.with_name(f".{path.name}.part"))
    half = kept[1].with_name(".half_kick.wav.part")
    half.write_bytes(b"")
    swept = library.prepare()
    assert half in swept
    assert not any(file.exists() for file in lost)
    assert all(file.exists() for file in kept)
    assert library.count() == 1


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

    monkeypatch.setattr("mula_daemon.files.atomic.os.open", fail)
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


def test_clips_of_days_and_jobs_are_found_like_the_others(library: Library) -> None:
    for number, place in enumerate(("", "2026-11-25", "2026-11-25/2213-job7", "kept/2026-11-24")):
        sink = FolderSink(library.folder, place=PurePath(place))
        take = make_take(id=f"aaaaa{number}")
        sink.open(take)
        sink.write(noise(take.samples))
        sink.close(FINISHED)
        assert sink.path is not None
        assert sink.path.parent == library.folder / place
    assert [clip.recipe.id for clip in library.clips()] == [f"aaaaa{n}" for n in range(4)]
    assert library.find("aaaaa2").codes().shape == (2, 3)


def test_a_dead_part_in_a_days_folder_is_swept(library: Library) -> None:
    day = library.folder / "2026-11-25"
    (day / ".mula").mkdir(parents=True)
    part = day / ".x_aaaaaa.wav.part"
    part.write_bytes(b"")
    (day / ".mula" / "x_aaaaaa.json").write_text("{}")
    assert library.prepare() == [part]
    assert list((day / ".mula").iterdir()) == []


@pytest.mark.parametrize("same", [True, False], ids=["one of ours", "another daemon"])
def test_who_moves_clips_for_seconds_makes_others_busy_and_not_wait_for_ever(
    library: Library, monkeypatch: pytest.MonkeyPatch, same: bool
) -> None:
    monkeypatch.setattr(library_module, "LOCK_S", 0.02)
    other = library if same else Library(library.folder)
    with library.moving(), pytest.raises(Busy, match=f"{library.folder}.*again"), other.moving():
        raise AssertionError("two move clips")
    with other.moving():
        pass


def test_a_folder_below_that_cannot_be_read_hides_no_other(
    library: Library, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    for name, place in (("aaaaaa", "2026-11-24"), ("bbbbbb", "2026-11-25"), ("cccccc", "")):
        sink = FolderSink(library.folder, place=PurePath(place))
        sink.open(make_take(id=name))
        sink.write(noise(make_take().samples))
        sink.close(FINISHED)
    failing_folder(monkeypatch, library.folder / "2026-11-24")
    assert {clip.recipe.id for clip in library.clips()} == {"bbbbbb", "cccccc"}
    assert "2026-11-24 cannot be read" in caplog.text
    assert library.find("bbbbbb").recipe.id == "bbbbbb"
    with pytest.raises(Unavailable, match=r"2026-11-24 cannot be read .*Input/output error"):
        library.find("aaaaaa")


def failing_folder(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """Have the disk fail where the names of ``folder`` are."""
    names = library_module._stems

    def stems(where: Path, ending: str) -> object:
        if where == folder:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return names(where, ending)

    monkeypatch.setattr(library_module, "_stems", stems)


@pytest.mark.skipif(os.name == "nt", reason="links need rights there")
@pytest.mark.parametrize("shelf", ["kept", "rejected", "archive"])
def test_a_file_where_a_shelf_belongs_and_a_link_that_leads_round_hide_no_clip(
    library: Library, shelf: str
) -> None:
    land(library, "aaaaaa")
    (library.folder / shelf).write_text("")
    (library.folder / "2026-11-25").symlink_to("2026-11-25")
    assert library.mend() == []
    assert [clip.recipe.id for clip in library.clips()] == ["aaaaaa"]
    assert list(library.places()) == ["aaaaaa"]


def test_what_cannot_be_removed_beside_a_dead_part_keeps_no_other_from_being_swept(
    library: Library,
) -> None:
    parts = [library.folder / f".x_dead0{number}.wav.part" for number in range(2)]
    for part in parts:
        part.write_bytes(b"")
    (library.hidden / "x_dead00.json" / "inside").mkdir(parents=True)
    assert sorted(library.mend()) == parts


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes among files here")
@pytest.mark.parametrize("make", [Path.mkdir, os.mkfifo], ids=["folder", "pipe"])
def test_a_sidecar_that_is_no_file_is_reported_and_hides_no_other_clip(
    library: Library, make: Callable[[Path], None]
) -> None:
    land(library, "aaaaaa")
    land(library, "bbbbbb")
    sidecar = library.find("aaaaaa").sidecar
    sidecar.unlink()
    make(sidecar)
    errors: list[BadInput] = []
    assert [clip.recipe.id for clip in library.clips(errors.append)] == ["bbbbbb"]
    assert str(sidecar) in str(errors[0])


def test_the_sidecar_of_another_clip_does_not_stand_for_it(library: Library) -> None:
    land(library, "aaaaaa")
    land(library, "bbbbbb")
    sidecar = library.find("bbbbbb").sidecar
    sidecar.write_text(library.find("aaaaaa").sidecar.read_text())
    assert library.find("aaaaaa").path.stem.endswith("aaaaaa")
    with pytest.raises(BadInput, match=f"{sidecar}: is the sidecar of clip aaaaaa"):
        library.find("bbbbbb")
    assert [clip.path.stem[-6:] for clip in library.clips()] == ["aaaaaa"]


def test_a_disk_that_does_not_say_what_is_free_is_not_full(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(0, 0, 0))
    library.require(1 << 20)
