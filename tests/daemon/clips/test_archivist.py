"""The archivist: which clips go out of the way, and that none is ever lost."""

from __future__ import annotations

import errno
import os
import time
from pathlib import Path, PurePath

import pytest

from mula_bridge.control.messages.reports import ClipReady
from mula_bridge.control.messages.states import Status
from mula_daemon.clips import library as library_module
from mula_daemon.clips.archivist import Archivist
from mula_daemon.clips.catalogue import Catalogue
from mula_daemon.clips.files import ARCHIVE, ClipFiles
from mula_daemon.clips.folder_sink import FolderSink
from mula_daemon.clips.library import Clip, Library
from mula_daemon.clips.shelves import Shelves
from mula_daemon.settings.limits import Limits
from support.takes import FINISHED, make_take, noise


@pytest.fixture
def library(tmp_path: Path) -> Library:
    library = Library(tmp_path / "clips")
    library.prepare()
    for number in range(6):
        sink = FolderSink(library.folder, now=lambda n=number: f"2026-06-0{n + 1}T12:00:00Z")
        take = make_take(id=f"aaaaa{number}")
        sink.open(take)
        sink.write(noise(take.samples))
        sink.close(FINISHED)
    return library


def ids(library: Library) -> set[str]:
    return {clip.recipe.id[-1] for clip in library.clips()}


def archived(library: Library) -> list[Clip]:
    """What is in the archive, which is laid out like any library."""
    return Library(library.folder / ARCHIVE).clips()


def tidied(library: Library, limits: Limits) -> list[str]:
    return [clip.recipe.id[-1] for clip in Archivist(Catalogue.of(library), limits).tidy()]


def test_the_oldest_go_first(library: Library) -> None:
    assert tidied(library, Limits(clips=4)) == ["0", "1"]
    assert ids(library) == set("2345")


def test_kept_clips_and_favourites_stay_and_rejected_ones_go_before_new_ones(
    library: Library,
) -> None:
    shelves = Shelves(library)
    shelves.put("aaaaa0", Status.KEPT)
    shelves.favour("aaaaa1", True)
    shelves.put("aaaaa5", Status.REJECTED)
    assert tidied(library, Limits(clips=3)) == ["5", "2", "3"]
    assert ids(library) == set("014")


def test_nothing_but_kept_clips_is_left_alone(library: Library) -> None:
    for number in range(6):
        Shelves(library).put(f"aaaaa{number}", Status.KEPT)
    assert tidied(library, Limits(clips=1)) == []


def test_sizes_count_all_files_of_a_clip(library: Library) -> None:
    one = sum(path.stat().st_size for path in library.clips()[0].files())
    assert len(tidied(library, Limits(size=4 * one + one // 2))) == 2


def test_an_archived_clip_is_whole_and_comes_back(library: Library) -> None:
    before = library.find("aaaaa0")
    sound, codes = before.path.read_bytes(), before.codes()
    tidied(library, Limits(clips=5))
    away = library.find("aaaaa0")
    assert away.path.parent == library.folder / "archive"
    assert away.path.read_bytes() == sound
    assert (away.codes() == codes).all()
    assert [clip.recipe.id for clip in archived(library)] == ["aaaaa0"]
    assert Shelves(library).put("aaaaa0", Status.NEW).path == before.path
    assert ids(library) == set("012345")


def test_a_new_clip_wakes_it(library: Library) -> None:
    catalogue = Catalogue.of(library)
    archivist = Archivist(catalogue, Limits(clips=6))
    archivist.start()
    sink = FolderSink(library.folder)
    take = make_take(id="bbbbbb")
    sink.open(take)
    sink.write(noise(take.samples))
    sink.close(FINISHED)
    assert sink.recipe is not None and sink.path is not None
    catalogue.published(sink.recipe, sink.path)
    archivist.report(ClipReady("bbbbbb", "j", "x", 120.0, 1, 1, 1.0), to=None, but=None)
    for _ in range(500):
        if archived(library):
            break
        time.sleep(0.01)
    archivist.stop()
    assert [clip.recipe.id for clip in archived(library)] == ["aaaaa0"]


def test_a_day_that_cannot_be_read_keeps_the_others_from_no_archive(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    sick = library.folder / "2026-05-01"
    for number in range(2):
        place = PurePath(sick.name)
        created = f"2026-05-01T12:00:0{number}Z"
        sink = FolderSink(library.folder, place=place, now=lambda created=created: created)
        take = make_take(id=f"bbbbb{number}")
        sink.open(take)
        sink.write(noise(take.samples))
        sink.close(FINISHED)
    catalogue = Catalogue.of(library)
    names, tried = library_module._stems, []

    def stems(where: Path, ending: str) -> object:
        if where == sick:
            tried.append(where)
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return names(where, ending)

    monkeypatch.setattr(library_module, "_stems", stems)
    monkeypatch.setattr(ClipFiles, "are_there", lambda self: self.folder != sick)
    moved = Archivist(catalogue, Limits(clips=6)).tidy()
    assert [clip.recipe.id for clip in moved] == ["aaaaa0", "aaaaa1"]
    assert len(tried) == 1
