"""The real Lua scripts in a strict REAPER: what they put into the project, and when."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from mula_daemon.clips.folder_sink import FolderSink
from mula_daemon.clips.take import Take
from mula_daemon.requests.file import read_request
from support.reaper import Item, Reaper
from support.takes import FINISHED, make_take, noise

SCRIPTS = Path(__file__).parents[3] / "bridge" / "reaper" / "Mula"

Land = Callable[..., Path]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "clips" / ".mula" / "inbox" / "answers").mkdir(parents=True)
    note = tmp_path / "config" / "mulabridge" / "folder.txt"
    note.parent.mkdir(parents=True)
    note.write_text(f"{tmp_path / 'clips'}\n")
    return tmp_path / "clips"


@pytest.fixture
def reaper(folder: Path, tmp_path: Path) -> Reaper:
    program = Reaper(tmp_path / "config")
    program.selected = program.add_track("drums")
    return program


@pytest.fixture
def land(folder: Path) -> Land:
    """Lands a clip as the daemon does: 1 bar at 128 BPM unless told otherwise."""

    def land(name: str, job: str = "job1", number: int = 0, bpm: float = 128.0) -> Path:
        take = make_take(id=name, bpm=bpm, beats_per_bar=4)
        request = replace(take.request, job=job, seeds=tuple(range(number + 1)))
        return into(folder, replace(take, request=request, take=number))

    return land


def into(folder: Path, take: Take) -> Path:
    sink = FolderSink(folder)
    sink.open(take)
    sink.write(noise(take.samples))
    sink.close(FINISHED)
    assert sink.path is not None
    return sink.path


def only(items: list[Item]) -> Item:
    (item,) = items
    return item


def importing(reaper: Reaper) -> Reaper:
    reaper.run(SCRIPTS / "mula_import.lua")
    return reaper


# --- importing --------------------------------------------------------------------------------


def test_a_clip_becomes_a_looping_item_at_the_projects_tempo(reaper: Reaper, land: Land) -> None:
    importing(reaper)
    path = land("aaa111")
    reaper.cursor = 4.0
    reaper.pump(20)
    item = only(reaper.items)
    assert item.values == {
        "D_POSITION": 4.0,
        "D_LENGTH": pytest.approx(2.0),  # one bar at 120
        "B_LOOPSRC": 1,
        "C_BEATATTACHMODE": 1,
    }
    (take,) = item.takes
    assert take.values["D_PLAYRATE"] == pytest.approx(120 / 128)
    assert take.values["B_PPITCH"] == 1
    assert take.name == path.stem
    assert take.source is not None
    assert take.source.path == str(path)
    assert take.source.peaks
    # Played at that rate, the source fills the item to the sample.
    assert take.source.seconds / take.values["D_PLAYRATE"] == pytest.approx(2.0, abs=1e-4)


def test_each_clip_is_imported_once(reaper: Reaper, land: Land) -> None:
    importing(reaper)
    land("aaa111")
    reaper.pump(20)
    reaper.pump(40)
    importing(reaper)  # a second instance, or the next session: same project
    reaper.pump(40)
    assert len(only(reaper.items).takes) == 1
    assert len(reaper.undo) == 1


def test_takes_of_one_job_share_an_item_and_other_jobs_do_not(reaper: Reaper, land: Land) -> None:
    importing(reaper)
    for number in range(3):
        land(f"aaa11{number}", "jobA", number)
    land("bbb111", "jobB")
    reaper.pump(30)
    assert sorted(len(item.takes) for item in reaper.items) == [1, 3]
    assert len(reaper.undo) == 4


def test_a_take_after_its_item_was_deleted_begins_a_new_one(reaper: Reaper, land: Land) -> None:
    importing(reaper)
    land("aaa111", "jobA", 0)
    reaper.pump(20)
    reaper.tracks[0].items.clear()
    land("aaa112", "jobA", 1)
    reaper.pump(20)
    assert len(only(reaper.items).takes) == 1


def test_what_was_there_before_is_left_alone(reaper: Reaper, land: Land) -> None:
    land("old111")
    importing(reaper)
    reaper.pump(20)
    assert not reaper.items


def test_clips_in_subfolders_are_found_and_rejected_ones_are_not(
    reaper: Reaper, folder: Path
) -> None:
    for name in ("2026-11-25", "rejected"):
        (folder / name / ".mula").mkdir(parents=True)
    importing(reaper)
    into(folder / "rejected", make_take(id="rej111", beats_per_bar=4))
    into(folder / "2026-11-25", make_take(id="day111", beats_per_bar=4))
    reaper.pump(20)
    assert "day111" in only(reaper.items).takes[0].name


def test_a_clip_whose_wav_is_not_there_yet_waits(
    reaper: Reaper, folder: Path, land: Land, tmp_path: Path
) -> None:
    importing(reaper)
    path = land("aaa111")
    hidden = path.rename(tmp_path / "later.wav")
    reaper.pump(20)
    assert not reaper.items
    hidden.rename(path)
    reaper.pump(20)
    assert len(reaper.items) == 1


def test_a_broken_sidecar_disturbs_nobody(reaper: Reaper, folder: Path, land: Land) -> None:
    importing(reaper)
    (folder / ".mula" / "broken.json").write_text('{"id": "x", ')
    (folder / "broken.wav").write_bytes(b"")
    land("aaa111")
    reaper.pump(20)
    assert len(reaper.items) == 1


def test_an_empty_project_gets_a_track(reaper: Reaper, land: Land) -> None:
    reaper.tracks.clear()
    reaper.selected = None
    importing(reaper)
    land("aaa111")
    reaper.pump(20)
    assert [track.name for track in reaper.tracks] == ["mula"]
    assert len(reaper.items) == 1


def test_the_toolbar_shows_that_it_runs(reaper: Reaper) -> None:
    importing(reaper)
    assert reaper.toggles == {41000: 1}
    for end in reaper.at_exit:
        end()
    assert reaper.toggles == {41000: 0}


# --- generating -------------------------------------------------------------------------------


def request_in(folder: Path) -> dict[str, object]:
    (path,) = (folder / ".mula" / "inbox").glob("*.json")
    text = path.read_text()
    read_request(text, path.name)  # the daemon takes it
    content: dict[str, object] = json.loads(text)
    return content


def answer(folder: Path, job: object, **fields: object) -> None:
    content = {"id": job, "state": "running", "reason": "", "fraction": 0.0, "clips": [], **fields}
    (folder / ".mula" / "inbox" / "answers" / f"{job}.json").write_text(json.dumps(content))


def take_request(folder: Path) -> str:
    """Be the daemon: take the request out of the inbox; its job's id."""
    job = str(request_in(folder)["id"])
    for path in (folder / ".mula" / "inbox").glob("*.json"):
        path.unlink()
    answer(folder, job)
    return job


@pytest.fixture
def prompted(reaper: Reaper) -> Reaper:
    for key, value in {
        "tags": "techno, dark", "bars": "4", "takes": "3", "genre_strength": "0.6"
    }.items():  # fmt: skip
        reaper.ext["mula", key] = value
    return reaper


def test_the_time_selection_says_how_long_and_the_project_how_fast(
    prompted: Reaper, folder: Path
) -> None:
    prompted.tempo = 126.0
    prompted.selection = (10.0, 10.0 + 8 * 4 * 60 / 126)
    prompted.run(SCRIPTS / "mula_generate.lua")
    request = request_in(folder)
    assert request["do"] == "generate"
    assert request["tags"] == ["techno", "dark"]
    assert request["knobs"] == {"bars": 8, "bpm": 126, "takes": 3, "genre_strength": 0.6}


def test_without_a_selection_the_prompt_says_how_long(prompted: Reaper, folder: Path) -> None:
    prompted.run(SCRIPTS / "mula_generate.lua")
    knobs = request_in(folder)["knobs"]
    assert isinstance(knobs, dict)
    assert knobs["bars"] == 4


@pytest.mark.parametrize(("seconds", "bars"), [(0.3, 1), (2.9, 1), (3.1, 2), (900.0, 64)])
def test_a_selection_is_rounded_to_bars_the_daemon_takes(
    prompted: Reaper, folder: Path, seconds: float, bars: int
) -> None:
    prompted.selection = (1.0, 1.0 + seconds)
    prompted.run(SCRIPTS / "mula_generate.lua")
    knobs = request_in(folder)["knobs"]
    assert isinstance(knobs, dict)
    assert knobs["bars"] == bars


def test_the_takes_land_on_one_item_where_the_selection_began(
    prompted: Reaper, folder: Path, land: Land
) -> None:
    prompted.selection = (10.0, 12.0)
    prompted.run(SCRIPTS / "mula_generate.lua")
    prompted.add_track("other")
    prompted.selected = prompted.tracks[1]  # the user went on working
    prompted.cursor = 99.0
    job = take_request(folder)
    land("mine11", job, 0, 120.0)
    land("else11", "somebody", 0)
    prompted.pump(5)
    land("mine12", job, 1, 120.0)
    answer(folder, job, fraction=0.533)
    prompted.pump(5)
    assert prompted.help == "Mula: running, 53 %"
    answer(folder, job, state="done", fraction=1.0)
    prompted.pump(5)
    item = only(prompted.items)
    assert item in prompted.tracks[0].items
    assert item.values["D_POSITION"] == 10.0
    assert len(item.takes) == 2
    assert prompted.help == ""
    assert not prompted.deferred, "the script goes on although the job is over"


def test_the_importer_beside_it_does_not_import_twice(
    prompted: Reaper, folder: Path, land: Land
) -> None:
    importing(prompted)
    prompted.run(SCRIPTS / "mula_generate.lua")
    job = take_request(folder)
    land("mine11", job)
    prompted.pump(30)
    answer(folder, job, state="done")
    prompted.pump(5)
    assert len(only(prompted.items).takes) == 1


def test_a_failed_job_is_told_with_its_reason(prompted: Reaper, folder: Path) -> None:
    prompted.run(SCRIPTS / "mula_generate.lua")
    job = take_request(folder)
    answer(folder, job, state="failed", reason="mini does not know the tag 'teckno'")
    prompted.pump(3)
    assert prompted.boxes == ["The job failed.\nmini does not know the tag 'teckno'"]


def test_without_a_daemon_it_says_so_and_takes_the_request_back(
    prompted: Reaper, folder: Path
) -> None:
    prompted.run(SCRIPTS / "mula_generate.lua")
    request_in(folder)
    prompted.pump(2, seconds=2.0)
    prompted.pump(1)
    (said,) = prompted.boxes
    assert "mula run" in said
    assert not list((folder / ".mula" / "inbox").glob("*.json"))
    assert not prompted.deferred


def test_a_folder_that_never_had_a_daemon_is_an_error_in_words(
    prompted: Reaper, folder: Path
) -> None:
    (folder / ".mula" / "inbox" / "answers").rmdir()
    (folder / ".mula" / "inbox").rmdir()
    prompted.run(SCRIPTS / "mula_generate.lua")
    (said,) = prompted.boxes
    assert "could not be written" in said


def test_the_first_time_it_asks_for_the_prompt(reaper: Reaper, folder: Path) -> None:
    reaper.typed = ["ambient\n2\n1\n0.25"]
    reaper.run(SCRIPTS / "mula_generate.lua")
    assert request_in(folder)["tags"] == ["ambient"]
    reaper.run(SCRIPTS / "mula_generate.lua")  # remembered
    assert len(reaper.asked) == 1


def test_a_cancelled_dialog_generates_nothing(reaper: Reaper, folder: Path) -> None:
    reaper.typed = [None]
    reaper.run(SCRIPTS / "mula_generate.lua")
    assert not list((folder / ".mula" / "inbox").glob("*.json"))


def test_a_number_that_is_none_is_refused_by_name(reaper: Reaper) -> None:
    reaper.typed = ["ambient\nmany\n1\n0.25"]
    reaper.run(SCRIPTS / "mula_prompt.lua")
    assert "Bars" in reaper.boxes[0]
    assert ("mula", "tags") not in reaper.ext


def test_the_folder_is_asked_for_when_no_daemon_ever_ran(reaper: Reaper, folder: Path) -> None:
    (folder.parent / "config" / "mulabridge" / "folder.txt").unlink()
    reaper.typed = [str(folder)]
    reaper.run(SCRIPTS / "mula_cancel.lua")
    assert request_in(folder) == {"version": 1, "do": "cancel"}


# --- the other actions ------------------------------------------------------------------------

ACTION_SCRIPTS = sorted(
    path
    for path in SCRIPTS.glob("mula_*.lua")
    if path.stem not in ("mula_import", "mula_generate", "mula_prompt")
)


@pytest.mark.parametrize("script", ACTION_SCRIPTS, ids=lambda path: path.stem)
def test_each_action_asks_the_daemon_for_something_it_knows(
    reaper: Reaper, folder: Path, script: Path
) -> None:
    reaper.run(script)
    request_in(folder)
    take_request_away = next((folder / ".mula" / "inbox").glob("*.json"))
    take_request_away.unlink()
    reaper.pump(2)
    assert not reaper.deferred
    assert not reaper.boxes


def test_the_stub_is_strict(reaper: Reaper, tmp_path: Path) -> None:
    script = tmp_path / "bad.lua"
    for line in ("reaper.BR_GetMediaItemGUID(1)", "reaper.UpdateArrange(1)"):
        script.write_text(line)
        with pytest.raises(Exception, match=r"REAPER has no BR_|takes 0 arguments"):
            reaper.run(script)
