"""The clips in memory: found without the disk, and never said to be unknown too early."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event
from time import monotonic, sleep
from typing import Any, Final

import pytest
from msgspec.structs import replace

from mula_bridge.control.messages.reports import Failed, Notice
from mula_bridge.control.messages.states import Status
from mula_bridge.control.service import Errands
from mula_bridge.errors import BadInput, UnknownName
from mula_daemon.clips import naming, survey
from mula_daemon.clips.catalogue import Catalogue, StillReading
from mula_daemon.clips.library import Clip, Library
from mula_daemon.clips.recipe import Performance, to_json
from mula_daemon.clips.replay import replay_request
from mula_daemon.clips.shelves import Shelves
from mula_daemon.clips.survey import Survey
from support.shelved_clips import put_clip

KNOBS: Final = {"cfg": 3.0, "temperature": 1.0, "top_k": 50, "morph": 0.0}


class Watched:
    """A folder whose survey looks as often as it is asked to, and what it told."""

    def __init__(self, folder: Path, clips: int = 3) -> None:
        self.library = Library(folder)
        self.library.prepare()
        for number in range(clips):
            put_clip(self.library, f"clip0{number}", job=f"job{number}")
        self.catalogue = Catalogue(self.library)
        self.files = Errands("files")
        self.told: list[tuple[list[str], frozenset[str]]] = []
        self.said: list[Failed | Notice] = []
        self.survey = Survey(self.catalogue, self.files, self.changed, self.said.append)

    def changed(self, clips: object, gone: frozenset[str]) -> None:
        assert isinstance(clips, list | tuple)
        self.told.append(([clip.recipe.id for clip in clips], gone))

    def begin(self) -> None:
        self.files.start()
        self.survey.begin()
        self.until(lambda: not self.catalogue.reading)

    def look(self) -> None:
        """Have a look that has been carried out when this returns."""
        self.survey._next_look = 0.0
        self.until(lambda: not self.survey._due.is_set())
        self.survey.look()
        self.until(lambda: not self.survey._due.is_set())

    def until(self, holds: Callable[[], object]) -> None:
        end = monotonic() + 5
        while not holds():
            assert monotonic() < end
            sleep(0.002)
        done = Event()
        self.files.do(done.set)
        assert done.wait(5)

    @property
    def ids(self) -> list[str]:
        return [clip.recipe.id for clip in self.catalogue.clips()]


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Watched]:
    watched = Watched(tmp_path / "clips")
    yield watched
    watched.files.stop()


def test_what_is_there_is_found_and_told_once(watched: Watched) -> None:
    watched.begin()
    assert watched.told == [(["clip00", "clip01", "clip02"], frozenset())]
    assert watched.catalogue.find("clip01") == watched.library.find("clip01")
    watched.look()
    assert len(watched.told) == 1


def test_until_the_folder_is_read_nothing_is_said_to_be_unknown(watched: Watched) -> None:
    with pytest.raises(StillReading, match=f"{watched.library.folder} is still being read"):
        watched.catalogue.find("clip01")
    watched.begin()
    with pytest.raises(UnknownName, match="did you mean clip01"):
        watched.catalogue.find("clip91")


def test_a_clip_that_lands_while_the_folder_is_read_is_found_at_once(watched: Watched) -> None:
    put_clip(watched.library, "new000")
    clip = watched.library.find("new000")
    watched.catalogue.published(clip.recipe, clip.path)
    assert watched.catalogue.find("new000") == clip


def test_no_id_is_given_away_twice_nor_one_of_the_folder(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    watched.begin()
    letters = iter("clip00" + "aaaaaa" * 2 + "bbbbbb")
    monkeypatch.setattr(naming.secrets, "choice", lambda _: next(letters))
    assert [watched.catalogue.new_id() for _ in range(2)] == ["aaaaaa", "bbbbbb"]


def test_clips_that_others_add_change_and_take_away_are_seen(watched: Watched) -> None:
    watched.begin()
    put_clip(watched.library, "other0")
    watched.look()
    assert watched.told[-1] == (["other0"], frozenset())
    Shelves(Library(watched.library.folder)).favour("clip01", True)  # another daemon
    watched.look()
    assert watched.told[-1] == (["clip01"], frozenset())
    assert watched.catalogue.find("clip01").recipe.favourite
    watched.library.find("clip00").path.unlink()
    watched.look()
    assert watched.told[-1] == ([], frozenset({"clip00"}))
    assert watched.ids == ["clip01", "clip02", "other0"]
    with pytest.raises(UnknownName):
        watched.catalogue.find("clip00")


def test_a_clip_that_another_daemon_moves_is_never_missed(watched: Watched) -> None:
    watched.begin()
    Shelves(Library(watched.library.folder)).put("clip01", Status.KEPT)
    watched.look()
    assert watched.told[-1] == (["clip01"], frozenset())
    assert watched.catalogue.find("clip01").path.parent.name == "kept"


def test_a_clip_that_was_moved_here_is_no_news(watched: Watched) -> None:
    watched.begin()
    watched.catalogue.put(Shelves(watched.library).put("clip01", Status.KEPT))
    watched.look()
    assert len(watched.told) == 1


def test_a_folder_that_goes_is_told_once_and_its_clips_stay_until_it_is_back(
    watched: Watched,
) -> None:
    watched.begin()
    folder = watched.library.folder
    folder.rename(folder.with_name("away"))
    watched.look()
    watched.look()
    (failed,) = watched.said
    assert isinstance(failed, Failed) and "has gone: plug its drive in" in failed.text
    assert watched.ids == ["clip00", "clip01", "clip02"]
    (folder.with_name("away") / "clip_clip02.wav").unlink()
    folder.with_name("away").rename(folder)
    watched.look()
    assert watched.said[1:] == [Notice("", "folder", f"the clip folder {folder} is back")]
    assert watched.ids == ["clip00", "clip01"]


def test_a_folder_that_comes_back_empty_has_no_clips_and_takes_new_ones(watched: Watched) -> None:
    watched.begin()
    shutil.rmtree(watched.library.folder)
    watched.library.folder.mkdir()
    watched.look()
    assert watched.ids == []
    assert watched.told[-1] == ([], frozenset({"clip00", "clip01", "clip02"}))
    put_clip(watched.library, "clip00")
    watched.look()
    assert watched.ids == ["clip00"]


def test_a_broken_sidecar_hides_no_other_clip_and_is_read_again_once_it_is_mended(
    watched: Watched, caplog: pytest.LogCaptureFixture
) -> None:
    sidecar = watched.library.find("clip01").sidecar
    good = sidecar.read_text()
    sidecar.write_text("{}")
    watched.begin()
    assert watched.ids == ["clip00", "clip02"]
    assert "clip_clip01.json: field schema is missing" in caplog.text
    with pytest.raises(BadInput, match="field schema is missing"):
        watched.catalogue.find("clip01")
    sidecar.with_suffix(".tmp").write_text(good)
    sidecar.with_suffix(".tmp").replace(sidecar)
    watched.look()
    assert watched.catalogue.find("clip01").recipe.id == "clip01"


@pytest.mark.parametrize("error", [MemoryError(), RuntimeError("a bug"), OSError("input/output")])
def test_whatever_one_sidecar_brings_about_the_others_are_read(
    watched: Watched, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    read = survey.read_clip

    def broken(files: object) -> Clip:
        if "clip01" in str(files):
            raise error
        return read(files)  # type: ignore[arg-type]

    monkeypatch.setattr(survey, "read_clip", broken)
    watched.begin()
    assert watched.ids == ["clip00", "clip02"]


def test_errands_of_others_come_between_the_sidecars(watched: Watched) -> None:
    """Keeping a clip does not wait for ten thousand others."""
    for number in range(100):
        put_clip(watched.library, f"more{number:02}")
    known: list[int] = []
    watched.survey.begin()
    watched.files.do(lambda: watched.files.do(lambda: known.append(len(watched.ids))))
    watched.files.start()
    watched.until(lambda: not watched.catalogue.reading)
    assert known and known[0] < 103 == len(watched.ids)


def test_what_a_crash_left_is_mended_after_the_start(watched: Watched) -> None:
    part = watched.library.folder / ".dead_x.wav.part"
    part.write_bytes(b"x")
    watched.begin()
    assert not part.exists()


def test_a_note_of_a_move_that_cannot_be_carried_out_is_told_and_the_clips_are_read(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watched.library, "mend", _busy)
    watched.begin()
    assert watched.said == [Failed("", "busy", "held elsewhere")]
    assert len(watched.ids) == 3


def _busy() -> list[Path]:
    from mula_bridge.errors import Busy

    raise Busy("held elsewhere")


STRANGERS = [
    "._{}", ".{}", "~${}", "{} (conflicted copy 2026-11-28 120000)", "{} (1)", "{} - Copy",
    "{} copy", "{}.sync-conflict-20261128-120000-ABCDEFG", "{}-LAPTOP", "{} (Conflict)",
]  # fmt: skip


@pytest.mark.parametrize("pattern", STRANGERS)
def test_what_systems_and_cloud_folders_leave_beside_a_clip_is_no_clip(
    tmp_path: Path, pattern: str
) -> None:
    """They come in pairs, too, as every file of the folder is copied: WAV and sidecar."""
    library = Library(tmp_path)
    library.prepare()
    files = put_clip(library, "abc123")
    stranger = pattern.format("clip_abc123")
    (tmp_path / f"{stranger}.wav").write_bytes(b"\0\5\x16\7")
    recipe = replace(library.find("abc123").recipe, favourite=True)
    (library.hidden / f"{stranger}.json").write_text(to_json(recipe))
    for name in (".DS_Store", "Thumbs.db", "desktop.ini", "Icon\r", "x.tmp"):
        (tmp_path / name).write_bytes(b"\0")
        (library.hidden / name).write_bytes(b"\0")
    (tmp_path / "@eaDir" / "clip_abc123.wav").mkdir(parents=True)
    assert library.count() == 1
    assert [clip.path for clip in library.clips()] == [files.wav]
    assert not library.find("abc123").recipe.favourite
    assert Catalogue.of(library).find("abc123").path == files.wav
    assert Shelves(library).put("abc123", Status.KEPT).path.parent.name == "kept"
    assert (tmp_path / f"{stranger}.wav").exists()


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"knobs": Performance({"cfg": 3.0}, ())}, "clip abc123 does not have the knob 'temp"),
        ({"knobs": Performance({**KNOBS, "top_k": "many"}, ())}, "clip abc123 has a wrong value"),
        ({"knobs": Performance(KNOBS, ()), "meter": "waltz"}, "clip abc123 has a wrong value"),
    ],
    ids=["a knob is missing", "a knob is a word", "no meter"],
)
def test_a_sidecar_that_cannot_be_replayed_is_said_to_be_what_is_wrong(
    tmp_path: Path, fields: dict[str, Any], words: str
) -> None:
    library = Library(tmp_path)
    library.prepare()
    put_clip(library, "abc123", **fields)
    with pytest.raises(BadInput, match=words):
        replay_request(library.find("abc123").recipe, "again")
