"""The clips in memory: found without the disk, and never said to be unknown too early."""

from __future__ import annotations

import errno
import os
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
from mula_bridge.errors import BadInput, Busy, MulaError, Unavailable, UnknownName
from mula_daemon.clips import library as library_module
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
    raise Busy("held elsewhere")


def test_a_first_look_that_fails_is_no_reading_and_says_what_is_wrong(watched: Watched) -> None:
    folder = watched.library.folder
    folder.rename(folder.with_name("away"))
    watched.files.start()
    watched.survey.begin()
    watched.until(lambda: watched.said)
    with pytest.raises(StillReading, match="has gone: plug its drive in"):
        watched.catalogue.find("clip01")
    assert watched.catalogue.reading and watched.told == []
    folder.with_name("away").rename(folder)
    watched.look()
    assert watched.ids == ["clip00", "clip01", "clip02"]
    assert len(watched.told) == 1
    with pytest.raises(UnknownName):
        watched.catalogue.find("nobody")


def test_what_fails_while_mending_and_looking_is_told_once(watched: Watched) -> None:
    folder = watched.library.folder
    folder.rename(folder.with_name("away"))
    watched.files.start()
    watched.survey.begin()
    watched.look()
    watched.look()
    assert [type(one) for one in watched.said] == [Failed]


def test_a_look_that_failed_is_not_made_again_at_once(watched: Watched) -> None:
    watched.begin()
    watched.library.folder.rename(watched.library.folder.with_name("away"))
    watched.look()
    assert watched.survey._next_look > monotonic()


@pytest.mark.parametrize("place", ["2026-11-24", "kept", "kept/2026-11-24"])
def test_a_folder_below_that_cannot_be_read_blinds_no_look_and_is_told_once(
    watched: Watched, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    put_clip(watched.library, "inside", place=place)
    watched.begin()
    sick = watched.library.folder / place
    with monkeypatch.context() as disk:
        fail_below(disk, sick)
        put_clip(watched.library, "other0")
        watched.look()
        watched.look()
        assert watched.ids == ["clip00", "clip01", "clip02", "inside", "other0"]
        (failed,) = watched.said
        assert isinstance(failed, Failed) and f"{sick} cannot be read" in failed.text
        with pytest.raises(Unavailable, match=r"clip nobody is not known: .* cannot be read"):
            watched.catalogue.find("nobody")
    watched.look()
    assert watched.said[1:] == [Notice("", "folder", f"the clips in {sick} can be read again")]
    with pytest.raises(UnknownName):
        watched.catalogue.find("nobody")
    assert all(not gone for _, gone in watched.told)


def test_clips_of_a_folder_that_could_not_be_read_at_first_are_found_later(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_clip(watched.library, "inside", place="2026-11-24")
    with monkeypatch.context() as disk:
        fail_below(disk, watched.library.folder / "2026-11-24")
        watched.begin()
        assert watched.ids == ["clip00", "clip01", "clip02"]
    watched.look()
    assert watched.told[-1] == (["inside"], frozenset())


def fail_below(disk: pytest.MonkeyPatch, sick: Path) -> None:
    """Let nothing in ``sick`` or below it be listed or looked at."""
    scan, there = os.scandir, os.path.lexists

    def scandir(path: Any) -> Any:
        if Path(path) == sick or sick in Path(path).parents:
            raise OSError(errno.EIO, os.strerror(errno.EIO), str(path))
        return scan(path)

    disk.setattr(library_module.os, "scandir", scandir)
    disk.setattr(
        library_module.os.path, "lexists", lambda p: sick not in Path(p).parents and there(p)
    )


@pytest.mark.parametrize("number", [errno.EIO, errno.EMFILE, errno.EACCES])
def test_a_sidecar_that_the_disk_did_not_give_is_asked_for_again(
    watched: Watched, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    read = library_module.read_text

    def failing(path: Path) -> str:
        if "clip01" in path.name:
            raise OSError(number, os.strerror(number))
        return read(path)

    with monkeypatch.context() as disk:
        disk.setattr(library_module, "read_text", failing)
        watched.begin()
        with pytest.raises(BadInput, match=f"clip_clip01.json: .*{os.strerror(number)}"):
            watched.catalogue.find("clip01")
    watched.look()
    assert watched.ids == ["clip00", "clip01", "clip02"]
    assert watched.told[-1] == (["clip01"], frozenset())


def test_a_clip_that_is_known_is_not_lost_to_a_moment_of_the_disk(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    watched.begin()
    with monkeypatch.context() as disk:
        disk.setattr(library_module, "read_text", _no_files_left)
        sidecar = watched.library.hidden / "clip_clip01.json"
        sidecar.with_suffix(".tmp").write_text(sidecar.read_text().replace("techno", "house"))
        sidecar.with_suffix(".tmp").replace(sidecar)
        watched.look()
        assert watched.catalogue.find("clip01").recipe.tags == ("techno",)
    watched.look()
    assert watched.catalogue.find("clip01").recipe.tags == ("house",)


def _no_files_left(path: Path) -> str:
    raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))


@pytest.mark.skipif(os.name == "nt", reason="links need rights there")
def test_a_sidecar_that_is_a_link_to_itself_blinds_no_look(watched: Watched) -> None:
    sidecar = watched.library.hidden / "clip_clip01.json"
    sidecar.unlink()
    sidecar.symlink_to(sidecar.name)
    watched.begin()
    assert watched.ids == ["clip00", "clip02"]
    assert watched.said == []
    put_clip(watched.library, "other0")
    watched.look()
    assert "other0" in watched.ids


@pytest.mark.parametrize("part", ["_compare", "_read_some"])
def test_whatever_goes_wrong_in_a_look_the_next_one_is_made(
    watched: Watched, monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    watched.begin()
    put_clip(watched.library, "other0")
    with monkeypatch.context() as faults:
        faults.setattr(watched.survey, part, _out_of_memory)
        watched.look()
    put_clip(watched.library, "other1")
    watched.look()
    assert {"other0", "other1"} <= set(watched.ids)


def _out_of_memory(*_: object) -> None:
    raise MemoryError


def test_an_error_of_a_clip_is_raised_anew_each_time(watched: Watched) -> None:
    (watched.library.hidden / "clip_clip01.json").write_text("{}")
    watched.begin()
    raised: list[MulaError] = []
    for _ in range(2):
        with pytest.raises(BadInput) as caught:
            watched.catalogue.find("clip01")
        raised.append(caught.value)
    assert raised[0] is not raised[1]
    assert str(raised[0]) == str(raised[1])


@pytest.mark.parametrize("error", [PermissionError(13, "no"), OSError(28, "full"), Busy("held")])
def test_a_move_that_cannot_be_carried_out_blinds_no_look(
    watched: Watched, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    watched.begin()

    def stuck(folder: Path) -> None:
        raise error

    monkeypatch.setattr(library_module.moves, "resume", stuck)
    put_clip(watched.library, "other0")
    watched.look()
    assert "other0" in watched.ids
    assert watched.said == []


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes among files here")
@pytest.mark.parametrize("make", [Path.mkdir, os.mkfifo], ids=["folder", "pipe"])
def test_a_note_of_a_move_that_is_no_file_is_set_aside(
    watched: Watched, make: Callable[[Path], None]
) -> None:
    note = watched.library.hidden / "move.json"
    make(note)
    watched.begin()
    assert not os.path.lexists(note)
    assert Shelves(watched.library).put("clip01", Status.KEPT).path.parent.name == "kept"


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
