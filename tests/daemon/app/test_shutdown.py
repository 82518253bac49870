"""How the daemon ends: in one order, to the last word, and within limits."""

from __future__ import annotations

import ast
import json
import sys
import threading
from pathlib import Path
from time import sleep

import pytest

import mula_bridge
import mula_daemon
from mula_bridge.control.messages.commands import Generate, SetKnob
from mula_bridge.control.messages.reports import EngineChanged, JobChanged, Notice
from mula_bridge.control.messages.states import EngineState, JobState
from mula_bridge.control.service import Errands, Service
from mula_bridge.errors import Unavailable
from mula_bridge.servers import OscServer
from mula_daemon.app.running import running
from mula_daemon.engine import EngineProcess
from mula_daemon.settings.loading import load_config
from support.fakes import Ear

SOURCES = [Path(package.__file__ or "").parent for package in (mula_bridge, mula_daemon)]
TALKERS = ("files", "capture", "reader", "heard", "beat", "archivist", "mapping watcher")
"""Services that report to the session."""


def settings(tmp_path: Path) -> dict[str, str | None]:
    return {
        "engine": "tone", "folder": str(tmp_path / "clips"), "audio": "off", "midi": "off",
        "osc": "127.0.0.1:0", "http": "off", "osc_tcp": "off", "limit": "500",
        "presets": str(tmp_path / "presets.json"), "learnt": str(tmp_path / "learnt.yaml"),
    }  # fmt: skip


def test_who_reports_to_the_session_ends_before_it_and_who_hears_of_it_after_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And each is waited for with a limit."""
    ended: list[str] = []
    limits: dict[str, object] = {}

    def noting(stop: object, name: str | None = None) -> object:
        def noted(self: object, *arguments: object, **options: object) -> None:
            known = name or self.name  # type: ignore[attr-defined]
            stop(self, *arguments, **options)  # type: ignore[operator]
            limits.setdefault(known, arguments[0] if arguments else None)
            ended.append(known)

        return noted

    monkeypatch.setattr(Service, "stop", noting(Service.stop))
    monkeypatch.setattr(EngineProcess, "stop", noting(EngineProcess.stop, "engine"))
    monkeypatch.setattr(OscServer, "stop", noting(OscServer.stop, "network"))
    with running(load_config(settings(tmp_path), environment={}), [Ear()]):
        ended.clear()
    place = {name: ended.index(name) for name in reversed(ended)}
    assert place["engine"] < min(place[name] for name in TALKERS if name != "mapping watcher")
    for name in TALKERS:
        assert place[name] < place["session"], name
    for name in ("inbox folder", "network", "feeder"):
        assert place["session"] < place[name], name
    assert limits["files"] == limits["capture"] == 30.0


def test_what_the_last_files_have_to_say_is_heard(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A capture that waits at the end is written however slow the disk, and everybody told."""
    wiring = sys.modules[running.__module__]
    workers: dict[str, Errands] = {}

    def made(name: str, **options: object) -> Errands:
        workers[name] = Errands(name, **options)  # type: ignore[arg-type]
        return workers[name]

    monkeypatch.setattr(wiring, "Errands", made)
    monkeypatch.setattr("mula_bridge.control.service.STOP_S", 0.05)
    ear = Ear()
    posts: list[object] = []
    monkeypatch.setattr(wiring, "Capturer", lambda *parts: posts.append(parts[-1]))
    with running(load_config(settings(tmp_path), environment={}), [ear]):
        for name in ("capture", "files"):
            workers[name].do(lambda: sleep(0.3))
            written = Notice("", name, "written")
            workers[name].do(lambda written=written: posts[0](written))  # type: ignore[misc,operator]
    assert {notice.code for notice in ear.all(Notice)} >= {"capture", "files"}


def test_a_running_job_is_told_to_be_cancelled_and_its_answer_is_written(tmp_path: Path) -> None:
    ear = Ear()
    inbox = tmp_path / "clips" / ".mula" / "inbox"
    with running(load_config(settings(tmp_path), environment={}), [ear]) as app:
        ear.wait(EngineChanged, lambda news: news.state is EngineState.READY)
        for name, value in (("bars", 32), ("bpm", 60.0), ("pace", 1.0)):
            app.emit(SetKnob(name, value))
        request = {"version": 1, "do": "generate", "id": "long"}
        (inbox / "r.json").write_text(json.dumps(request))
        ear.wait(JobChanged, lambda job: job.state is JobState.RUNNING)
    assert ear.all(JobChanged)[-1].state is JobState.CANCELLED
    assert json.loads((inbox / "answers" / "long.json").read_text())["state"] == "cancelled"
    with pytest.raises(Unavailable, match="is ending"):
        app.emit(Generate())
    late = inbox / "late.json"
    late.write_text(json.dumps(request))
    assert late.exists()


def test_nothing_is_left_of_a_start_that_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = set(threading.enumerate())

    def fail(self: object, listener: object) -> None:
        raise Unavailable("no engine today")

    monkeypatch.setattr(EngineProcess, "start", fail)
    with (
        pytest.raises(Unavailable, match="no engine today"),
        running(load_config(settings(tmp_path), environment={})),
    ):
        raise AssertionError("it runs")
    left = {thread.name for thread in set(threading.enumerate()) - before if thread.is_alive()}
    assert left <= {"preload"}


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.name)
def test_no_end_is_waited_for_without_a_limit(source: Path) -> None:
    """A thread or a process that hangs must not keep the program. (``join`` of a text takes an
    argument, that of Link's session none: it waits for nothing.)"""
    found = []
    for path in source.rglob("*.py"):
        if "bench" in path.parts:
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr == "join"
                and not (node.args or node.keywords)
                and ast.unparse(node.func.value) != "self._link"
            ):
                found.append(f"{path}:{node.lineno}")
    assert found == []
