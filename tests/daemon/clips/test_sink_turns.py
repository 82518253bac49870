"""A folder's sink in turn and out of it: opened, reopened, described anew, closed."""

from __future__ import annotations

from pathlib import Path, PurePath

import pytest

from mula_bridge.errors import MulaError
from mula_daemon.clips.folder_sink import FolderSink
from mula_daemon.clips.library import Library
from mula_daemon.clips.take import Abandoned, Take
from support.takes import FINISHED, make_take, noise


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    library = Library(tmp_path / "clips")
    library.prepare()
    return library.folder


def perform(sink: FolderSink, take: Take) -> None:
    sink.open(take)
    sink.write(noise(take.samples))
    sink.close(FINISHED)


def test_a_take_in_place_of_the_open_one_leaves_nothing_of_that(folder: Path) -> None:
    sink, second = FolderSink(folder), make_take(id="second", bpm=120.0)
    sink.open(make_take(id="first0"))
    sink.write(noise(100, seed=3))
    sink.reopen(second)
    sink.write(noise(second.samples))
    sink.close(FINISHED)
    assert [clip.recipe.id for clip in Library(folder).clips()] == ["second"]
    assert len([path for path in folder.rglob("*") if path.is_file()]) == 3


def test_a_take_that_is_described_as_another_has_its_recipe(folder: Path) -> None:
    sink = FolderSink(folder)
    sink.open(make_take())
    sink.describe_as(make_take(seed=7))
    sink.write(noise(12000))
    sink.close(FINISHED)
    assert sink.recipe
    assert sink.recipe.seed == 7


def test_clips_land_in_the_folders_below_that_are_asked_for(folder: Path) -> None:
    for _ in range(2):  # the second one finds them there
        sink = FolderSink(folder, place=PurePath("today", "job1"))
        perform(sink, make_take())
        assert sink.path
        assert sink.path.parent == folder / "today" / "job1"


def test_a_sink_that_is_opened_again_has_published_nothing_yet(folder: Path) -> None:
    sink = FolderSink(folder)
    perform(sink, make_take())
    sink.open(make_take())
    assert sink.recipe is sink.path is None
    sink.close(Abandoned("over"))


def test_blocks_that_are_too_long_together_are_refused_whatever_their_size(folder: Path) -> None:
    sink = FolderSink(folder)
    sink.open(make_take())
    sink.write(noise(8000))
    with pytest.raises(MulaError, match="more than the take's 12000 samples"):
        sink.write(noise(8000))
    sink.close(Abandoned("over"))


def test_calls_out_of_turn_are_bugs_and_cost_no_take(folder: Path) -> None:
    sink = FolderSink(folder)
    sink.close(FINISHED)  # as often as one likes
    for write in (sink.write, sink.write_stems):
        with pytest.raises(RuntimeError, match="no take is open"):
            write(noise(10))
    for begin in (sink.reopen, sink.describe_as):
        with pytest.raises(RuntimeError, match="no take is open"):
            begin(make_take())
    sink.open(make_take())
    with pytest.raises(RuntimeError, match="already open"):
        sink.open(make_take())
    sink.write(noise(12000))
    sink.close(FINISHED)
    assert len(list(folder.glob("[!.]*"))) == 1
