"""The end, whatever hangs: in reverse, within one time, and nobody is waited for twice."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from time import monotonic, sleep

import pytest

from mula_bridge.control.messages.reports import EngineChanged
from mula_bridge.control.messages.states import EngineState
from mula_bridge.control.service import Errands, Task
from mula_daemon.app import ending as module
from mula_daemon.app.ending import Ending
from mula_daemon.app.running import running
from mula_daemon.settings.loading import load_config
from support.fakes import Ear


@pytest.fixture
def forever(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """What hangs waits for this; and no test is ended the hard way."""
    released = threading.Event()
    monkeypatch.setattr(module.atexit, "register", lambda *call, **options: None)
    yield released
    released.set()


def test_what_was_begun_last_ends_first() -> None:
    ended: list[int] = []
    with Ending() as ending:
        for number in range(3):
            ending.callback(partial(ended.append, number), str(number))
    assert ended == [2, 1, 0]
    assert ending.left == []


def test_an_end_that_fails_costs_no_other_and_hides_no_reason(
    caplog: pytest.LogCaptureFixture,
) -> None:
    ended: list[str] = []
    with pytest.raises(LookupError, match="why it ends"), Ending() as ending:
        ending.callback(partial(ended.append, "first"), "first")
        ending.callback(lambda: 1 / 0, "divider")
        raise LookupError("why it ends")
    assert ended == ["first"]
    assert "divider did not end as it should" in caplog.text


def test_all_that_hangs_takes_one_time_together(
    forever: threading.Event, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """And what does not hang has its end, before and behind it."""
    monkeypatch.setattr(module, "END_S", 0.5)
    monkeypatch.setattr(module, "SAY_S", 0.2)
    ended: list[str] = []
    began = monotonic()
    with Ending() as ending:
        for number in range(5):
            ending.callback(partial(ended.append, f"well {number}"), "well")
            ending.callback(forever.wait, f"hung {number}")
    assert monotonic() - began < 0.5 + 5 * module.LEAST_S + 1.0
    assert ended == [f"well {number}" for number in (4, 3, 2, 1, 0)]
    assert ending.left == [f"hung {number}" for number in (4, 3, 2, 1, 0)]
    assert "waiting for hung 4 to end" in caplog.text
    assert "hung 0 did not end" in caplog.text


def test_a_second_signal_ends_it_at_once(
    forever: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    def join(self: threading.Thread, timeout: float | None = None) -> None:
        raise KeyboardInterrupt

    ending = Ending()
    ending.callback(forever.wait, "the one behind")
    ending.callback(forever.wait, "the one that hangs")
    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "join", join)
        with pytest.raises(KeyboardInterrupt), ending:
            pass
    assert ending.left == ["the one that hangs", "the one behind"]


def test_a_system_without_another_thread_ends_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    def start(self: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    ended: list[str] = []
    with monkeypatch.context() as patched, Ending() as ending:
        patched.setattr(threading.Thread, "start", start)
        ending.callback(partial(ended.append, "done"), "worker")
    assert ended == ["done"]


def test_a_service_that_ends_has_its_own_name() -> None:
    ending = Ending()
    ending.callback(Task("trumpet", lambda: None).stop)
    assert [name for name, _ in ending._ends] == ["trumpet"]


STUBBORN = """
import multiprocessing, signal, sys, threading, time
from mula_daemon.app import ending as module

def stubborn(ready):
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    ready.set()
    time.sleep(20)

if __name__ == "__main__":
    module.END_S, module.EXIT_S = 0.2, 0.5
    ready = multiprocessing.Event()
    child = multiprocessing.Process(
        target=stubborn, args=(ready,), name="mula-engine", daemon=True
    )
    child.start()
    assert ready.wait(10)
    with module.Ending() as ending:
        if sys.argv[1] == "hangs":
            ending.callback(threading.Event().wait, "hung")
        elif sys.argv[1] == "ends":
            ending.callback(lambda: (child.kill(), child.join(5)), "child")
    print("child", child.pid, flush=True)
"""


@pytest.mark.parametrize(("kind", "status"), [("hangs", 1), ("stays", 1), ("ends", 0)])
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no signal that can be ignored")
def test_the_process_itself_leaves_although_a_child_does_not(
    kind: str, status: int, tmp_path: Path
) -> None:
    """The interpreter waits at its end for each child, and without a limit."""
    script, said = tmp_path / "stubborn.py", tmp_path / "said"
    script.write_text(STUBBORN)
    began = monotonic()
    with said.open("w") as to:  # no pipe, which the child would hold open
        run = [sys.executable, str(script), kind]
        done = subprocess.run(run, stdout=to, stderr=subprocess.STDOUT, timeout=19)
    words = said.read_text()
    if kind != "ends":
        os.kill(int(re.findall(r"^child (\d+)$", words, re.MULTILINE)[0]), signal.SIGKILL)
    assert ("hung did not end" in words) == (kind == "hangs")
    assert done.returncode == status, words
    assert monotonic() - began < 15


def test_a_daemon_ends_in_time_although_its_disk_hangs(
    tmp_path: Path, forever: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Presets, captures and the archive at once; its engine is gone, and its port free."""
    monkeypatch.setattr(module, "END_S", 3.0)
    wiring = sys.modules[running.__module__]
    workers: dict[str, Errands] = {}

    def made(name: str, **options: object) -> Errands:
        workers[name] = Errands(name, **options)  # type: ignore[arg-type]
        return workers[name]

    monkeypatch.setattr(wiring, "Errands", made)
    settings: dict[str, str | None] = {
        "engine": "tone", "folder": str(tmp_path / "clips"), "audio": "off", "midi": "off",
        "osc": "127.0.0.1:0", "http": "off", "osc_tcp": "off",
        "presets": str(tmp_path / "presets.json"), "learnt": str(tmp_path / "learnt.yaml"),
    }  # fmt: skip
    ear = Ear()
    with running(load_config(settings, environment={}), [ear]) as app:
        ear.wait(EngineChanged, lambda news: news.state is EngineState.READY)
        for worker in workers.values():
            worker.do(forever.wait)
        sleep(0.1)
        address, began = app.osc_address, monotonic()
    assert monotonic() - began < 3.0 + 30 * module.LEAST_S
    assert app.engine.pid is None or not app.engine.services[0].alive
    assert not app.session.alive
    assert address is not None
    with running(
        load_config({**settings, "osc": ":".join(map(str, address))}, environment={}), [ear]
    ):
        pass
