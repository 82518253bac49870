"""The inbox folder: what is taken, answered and put aside."""

from __future__ import annotations

import json
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from mula_bridge.control.messages.commands import Cancel, Command, Generate
from mula_bridge.control.messages.origin import Origin
from mula_bridge.control.messages.reports import ClipReady, Failed, JobChanged, Progress
from mula_bridge.control.messages.states import JobState
from mula_bridge.errors import Busy
from mula_daemon.requests import folder as folder_module
from mula_daemon.requests.folder import RequestFolder


class Desk:
    """Takes commands as the session would; ``refuse`` makes it busy."""

    def __init__(self) -> None:
        self.heard: list[tuple[Command, Origin]] = []
        self.refuse = False

    def __call__(self, command: Command, origin: Origin) -> None:
        if self.refuse:
            raise Busy("16 jobs are waiting")
        self.heard.append((command, origin))

    @property
    def commands(self) -> list[Command]:
        return [command for command, _ in self.heard]


@pytest.fixture
def desk() -> Desk:
    return Desk()


@pytest.fixture
def requests(tmp_path: Path, desk: Desk) -> Iterator[RequestFolder]:
    folder = RequestFolder(tmp_path, desk, poll_seconds=0.005)
    folder.start()
    yield folder
    folder.stop()


def until(true: Callable[[], object], seconds: float = 10.0) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.005)


def put(requests: RequestFolder, name: str, content: Any) -> Path:
    path = requests.folder / name
    part = path.with_name(f"{name}.tmp")
    part.write_text(content if isinstance(content, str) else json.dumps(content))
    return part.replace(path)


def answer(requests: RequestFolder, name: str) -> dict[str, Any]:
    path = requests.folder / "answers" / f"{name}.json"
    return json.loads(path.read_text()) if path.exists() else {}


def test_a_request_is_taken_once_and_its_file_goes(requests: RequestFolder, desk: Desk) -> None:
    path = put(requests, "one.json", {"version": 1, "do": "cancel"})
    until(lambda: desk.heard)
    time.sleep(0.05)
    assert desk.commands == [Cancel()]
    assert not path.exists()


def test_requests_that_lay_there_before_the_start_are_taken_in_order(
    tmp_path: Path, desk: Desk
) -> None:
    folder = RequestFolder(tmp_path, desk, poll_seconds=0.005)
    folder.folder.mkdir(parents=True)
    for number in (2, 1, 3):
        path = put(folder, f"{number}.json", {"version": 1, "do": "generate", "id": f"j{number}"})
        os.utime(path, (1000 + number, 1000 + number))
    folder.start()
    until(lambda: len(desk.heard) == 3)
    folder.stop()
    assert [c.id for c in desk.commands if isinstance(c, Generate)] == ["j1", "j2", "j3"]


def test_the_answer_follows_the_job_to_its_end(requests: RequestFolder) -> None:
    put(requests, "a.json", {"version": 1, "do": "generate", "id": "a"})
    until(lambda: answer(requests, "a").get("state") == "taken")
    for report in (
        JobChanged("a", JobState.RUNNING),
        Progress("a", 0.5),
        ClipReady("clip1", "a", "/x.wav", 120.0, 4, 1, 8.0),
    ):
        requests.report(report, to=None, but=None)
    until(lambda: answer(requests, "a").get("clips"))
    assert answer(requests, "a") == {
        "id": "a", "state": "running", "reason": "", "fraction": 0.5, "clips": ["clip1"],
    }  # fmt: skip
    requests.report(JobChanged("a", JobState.DONE), to=None, but=None)
    until(lambda: answer(requests, "a")["state"] == "done")
    assert answer(requests, "a")["fraction"] == 1.0


def test_other_peoples_jobs_are_not_answered(requests: RequestFolder) -> None:
    requests.report(JobChanged("theirs", JobState.RUNNING), to=None, but=None)
    put(requests, "b.json", {"version": 1, "do": "generate", "id": "b"})
    until(lambda: answer(requests, "b"))
    assert not answer(requests, "theirs")


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ('{"version": 1, "do": "genrate"}', "did you mean generate"),
        ("not json }", "not JSON"),
        ('{"version": 1}' + " " * 70_000, "at most 65536"),
    ],
)
def test_a_wrong_request_is_put_aside_with_the_reason(
    requests: RequestFolder, desk: Desk, content: str, why: str
) -> None:
    path = put(requests, "bad.json", content)
    reason = requests.folder / "rejected" / "bad.txt"
    until(lambda: reason.exists() and not path.exists())
    assert why in reason.read_text()
    assert (requests.folder / "rejected" / "bad.json").read_text() == content[:65_536]
    assert not desk.heard


def test_a_second_wrong_request_of_that_name_does_not_replace_the_first(
    requests: RequestFolder,
) -> None:
    for content in ('{"a": 1}', '{"b": 1}'):
        path = put(requests, "bad.json", content)
        until(lambda path=path: not path.exists())
    kept = {path.read_text() for path in (requests.folder / "rejected").glob("*.json")}
    assert kept == {'{"a": 1}', '{"b": 1}'}


def test_a_careless_writer_gets_a_second(requests: RequestFolder, desk: Desk) -> None:
    path = requests.folder / "slow.json"
    path.write_text('{"version": 1, ')
    time.sleep(0.05)
    with path.open("a") as file:
        file.write('"do": "cancel"}')
    until(lambda: desk.heard)


@pytest.mark.parametrize("hours", [0, 1, 24 * 365])
def test_an_unfinished_file_is_refused_however_far_ahead_its_clock_is(
    requests: RequestFolder, desk: Desk, monkeypatch: pytest.MonkeyPatch, hours: int
) -> None:
    monkeypatch.setattr(folder_module, "_GRACE_S", 0.05)
    ahead = time.time() + hours * 3600
    path = requests.folder / "future.json.tmp"
    path.write_text('{"version": 1, ')
    os.utime(path, (ahead, ahead))
    path.rename(requests.folder / "future.json")
    until((requests.folder / "rejected" / "future.txt").exists)
    put(requests, "next.json", {"version": 1, "do": "cancel"})
    until(lambda: desk.commands == [Cancel()])


def test_a_writer_whose_clock_is_ahead_gets_its_second_too(
    requests: RequestFolder, desk: Desk
) -> None:
    path = requests.folder / "slow.json"
    for text in ('{"version": 1, ', '"do": ', '"cancel"}'):
        with path.open("a") as file:
            file.write(text)
        os.utime(path, (time.time() + 3600, time.time() + 3600))
        time.sleep(0.03)
    until(lambda: desk.heard)
    assert not list((requests.folder / "rejected").iterdir())


def test_a_folder_that_somebody_emptied_is_made_again(requests: RequestFolder, desk: Desk) -> None:
    shutil.rmtree(requests.folder)
    until((requests.folder / "rejected").is_dir)
    put(requests, "next.json", {"version": 1, "do": "generate", "id": "next"})
    until(lambda: answer(requests, "next"))
    shutil.rmtree(requests.folder / "answers")
    requests.report(JobChanged("next", JobState.DONE), to=None, but=None)
    until(lambda: answer(requests, "next").get("state") == "done")
    assert requests.faults == 0


def test_a_file_in_the_place_of_the_folder_costs_requests_until_it_is_gone_and_nothing_else(
    tmp_path: Path, desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    requests = RequestFolder(tmp_path / "hidden", desk, poll_seconds=0.005)
    requests.folder.parent.mkdir()
    requests.folder.write_text("")
    requests.start()
    try:
        assert f"no requests are taken from {requests.folder} now" in caplog.text
        requests.folder.unlink()
        until((requests.folder / "rejected").is_dir)
        put(requests, "next.json", {"version": 1, "do": "cancel"})
        until(lambda: desk.commands == [Cancel()])
    finally:
        requests.stop()


def test_what_the_session_refuses_is_put_aside_and_answered(
    requests: RequestFolder, desk: Desk
) -> None:
    put(requests, "c.json", {"version": 1, "do": "generate", "id": "c", "tags": ["teckno"]})
    until(lambda: desk.heard)
    failed = Failed("c.json", "unknown_tag", "mini does not know the tag 'teckno'")
    requests.report(failed, to=desk.heard[0][1], but=None)
    until(lambda: answer(requests, "c").get("state") == "failed")
    assert "teckno" in (requests.folder / "rejected" / "c.txt").read_text()


def test_a_full_session_is_no_loss(requests: RequestFolder, desk: Desk) -> None:
    desk.refuse = True
    put(requests, "d.json", {"version": 1, "do": "generate", "id": "d"})
    until(lambda: answer(requests, "d").get("reason") == "16 jobs are waiting")
    assert (requests.folder / "rejected" / "d.json").exists()


def test_what_is_not_json_by_name_is_left_alone(requests: RequestFolder, desk: Desk) -> None:
    (requests.folder / "half.json.tmp").write_text("{")
    put(requests, "e.json", {"version": 1, "do": "cancel"})
    until(lambda: desk.heard)
    assert (requests.folder / "half.json.tmp").exists()


def test_old_answers_are_forgotten_at_start(tmp_path: Path, desk: Desk) -> None:
    answers = tmp_path / "inbox" / "answers"
    answers.mkdir(parents=True)
    for name, age in (("old", 90_000), ("young", 10)):
        (answers / f"{name}.json").write_text("{}")
        os.utime(answers / f"{name}.json", (time.time() - age,) * 2)
    folder = RequestFolder(tmp_path, desk)
    folder.start()
    folder.stop()
    assert [path.stem for path in answers.iterdir()] == ["young"]


@pytest.mark.skipif(sys.platform != "linux", reason="other systems spell names in Unicode")
def test_a_file_whose_name_is_no_text_is_set_aside_like_any_other(
    requests: RequestFolder, desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    put(requests, os.fsdecode(b"\xff.json"), {"version": 1, "do": "nothing"})
    put(requests, "next.json", {"version": 1, "do": "cancel"})
    until(lambda: desk.heard)
    (said,) = (requests.folder / "rejected").glob("*.txt")
    assert "field do" in said.read_text()
    assert r"\udcff.json" in caplog.text


NEXT = {"version": 1, "do": "cancel"}


def aside(requests: RequestFolder, name: str) -> str:
    """The reason why the request of that name was set aside, once it is out of the way."""
    reason = requests.folder / "rejected" / f"{name}.txt"
    until(lambda: reason.exists() and not os.path.lexists(requests.folder / f"{name}.json"))
    return reason.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "text",
    [
        '{"version":1,"do":"generate","la \\ud83d":1}',
        '{"version":1,"do":"generate","lyrics":"half \\ud83d"}',
        '{"version":1,"do":"generate","tags":["\\udcff"]}',
        '{"version":1,"do":"' + "[" * 50_000 + '"}',
        "[" * 60_000 + "}",
        '{"version":1e999}',
        "\0}",
    ],
    ids=["name", "value", "foreign byte", "long", "deep", "infinite", "nul"],
)
def test_a_poisonous_request_is_out_of_the_way_for_good_and_the_next_is_taken(
    requests: RequestFolder, desk: Desk, text: str
) -> None:
    put(requests, "bad.json", text)
    assert aside(requests, "bad")
    put(requests, "next.json", NEXT)
    until(lambda: desk.commands == [Cancel()])
    assert requests.faults == 0


@pytest.mark.parametrize(
    ("encoding", "words"),
    [
        ("latin-1", "bad.json: not UTF-8 in line 2 (byte 0xE9); save it as UTF-8"),
        ("utf-16", "not UTF-8 in line 1 (it is UTF-16); save it as UTF-8"),
    ],
)
def test_a_request_in_another_encoding_says_what_to_do(
    requests: RequestFolder, encoding: str, words: str
) -> None:
    part = requests.folder / "bad.json.tmp"
    part.write_bytes('{"version": 1,\n"do": "generate", "lyrics": "caf\u00e9"}'.encode(encoding))
    os.utime(part, (1000, 1000))  # by a careful writer, who is done
    part.replace(requests.folder / "bad.json")
    assert words in aside(requests, "bad")


def test_a_byte_order_mark_is_no_part_of_a_request(requests: RequestFolder, desk: Desk) -> None:
    put(requests, "a.json", "\ufeff" + json.dumps(NEXT))
    until(lambda: desk.commands == [Cancel()])


def _fifo(path: Path) -> None:
    os.mkfifo(path)


def _loop(path: Path) -> None:
    path.symlink_to(path.name)


def _dangling(path: Path) -> None:
    path.symlink_to("nowhere")


@pytest.mark.skipif(sys.platform == "win32", reason="has no such files")
@pytest.mark.parametrize("make", [Path.mkdir, _fifo, _loop, _dangling])
def test_what_is_no_file_is_set_aside_and_the_next_is_taken(
    requests: RequestFolder, desk: Desk, make: Callable[[Path], None]
) -> None:
    make(requests.folder / "odd.json")
    put(requests, "next.json", NEXT)
    assert "odd.json: is no file of its own" in aside(requests, "odd")
    until(lambda: desk.commands == [Cancel()])


def test_the_systems_own_files_are_no_requests(requests: RequestFolder, desk: Desk) -> None:
    put(requests, "._next.json", "\0\5\x16\7}")
    put(requests, "next.json", NEXT)
    until(lambda: desk.commands == [Cancel()])
    assert not list((requests.folder / "rejected").iterdir())


@pytest.mark.parametrize("content", ["not json }", json.dumps(NEXT)], ids=["bad", "good"])
def test_what_can_be_neither_taken_nor_moved_is_met_once_until_it_changes(
    requests: RequestFolder,
    desk: Desk,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    content: str,
) -> None:
    unlink, rename = os.unlink, os.rename

    def refuse(real: Callable[..., None]) -> Callable[..., None]:
        def act(path: object, *args: object, **kwargs: object) -> None:
            if str(path).endswith("stuck.json"):
                raise PermissionError(13, "read-only", str(path))
            real(path, *args, **kwargs)

        return act

    monkeypatch.setattr(folder_module, "_GRACE_S", 0.02)
    monkeypatch.setattr(os, "unlink", refuse(unlink))
    monkeypatch.setattr(os, "rename", refuse(rename))
    put(requests, "stuck.json", content)
    until(lambda: "left where it is" in caplog.text)
    put(requests, "next.json", NEXT)
    until(lambda: desk.commands == [Cancel()])
    time.sleep(0.05)
    assert caplog.text.count("left where it is") == 1
    put(requests, "stuck.json", content + " ")
    until(lambda: caplog.text.count("left where it is") == 2)
    assert desk.commands == [Cancel()]  # or it would be done again at every look


def test_a_fault_of_ours_costs_one_request_and_is_told(
    requests: RequestFolder, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    requests.on_fault = lambda service, what, error: told.append(what)
    real = folder_module.read_request

    def read(text: str, file: str) -> object:
        if file == "bad.json":
            raise RuntimeError("a bug")
        return real(text, file)

    monkeypatch.setattr(folder_module, "read_request", read)
    put(requests, "bad.json", NEXT)
    assert "a bug" in aside(requests, "bad")
    put(requests, "next.json", NEXT)
    until(lambda: desk.commands == [Cancel()])
    assert told == ["request bad.json"]


def test_a_session_that_fails_costs_one_request_and_is_answered(
    requests: RequestFolder, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(command: Command, origin: Origin) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr(requests, "_emit", broken)
    put(requests, "bad.json", {"version": 1, "do": "generate", "id": "bad"})
    until(lambda: answer(requests, "bad").get("state") == "failed")
    assert "a bug" in aside(requests, "bad")
    monkeypatch.setattr(requests, "_emit", desk)
    put(requests, "next.json", NEXT)
    until(lambda: desk.commands == [Cancel()])


def test_an_answer_that_cannot_be_written_costs_no_other(
    requests: RequestFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = folder_module.replace_text

    def write(path: Path, text: str) -> None:
        if path.stem == "a":
            raise OSError(28, "disk full")
        real(path, text)

    monkeypatch.setattr(folder_module, "replace_text", write)
    for name in "ab":
        put(requests, f"{name}.json", {"version": 1, "do": "generate", "id": name})
    until(lambda: answer(requests, "b"))
    for name in "ab":
        requests.report(JobChanged(name, JobState.DONE), to=None, but=None)
    until(lambda: answer(requests, "b").get("state") == "done")
    assert requests.alive


def test_a_folder_that_goes_and_comes_back_is_watched_again(
    requests: RequestFolder, desk: Desk
) -> None:
    hidden = requests.folder.parent  # of a drive that is pulled
    away = hidden.with_name("away")
    hidden.rename(away)
    time.sleep(0.05)
    away.rename(hidden)
    put(requests, "next.json", NEXT)
    until(lambda: desk.commands == [Cancel()])
