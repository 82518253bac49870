"""The daemon put together: who obeys what, and that all of it ends."""

from __future__ import annotations

import threading
from pathlib import Path
from time import monotonic, sleep

from mula_bridge.control.messages.reports import EngineChanged, Failed
from mula_bridge.control.messages.states import EngineState
from mula_daemon.app.running import running
from mula_daemon.settings.loading import load_config
from support.fakes import Ear


def settings(tmp_path: Path) -> dict[str, str | None]:
    return {
        "engine": "tone",
        "folder": str(tmp_path / "clips"),
        "audio": "off",
        "midi": "off",
        "osc": "127.0.0.1:0",
        "http": "127.0.0.1:0",
        "osc_tcp": "127.0.0.1:0",
        "limit": "500",
        "presets": str(tmp_path / "presets.yaml"),
        "learnt": str(tmp_path / "learnt.yaml"),
    }


def test_every_command_has_an_owner_and_every_thread_ends(tmp_path: Path) -> None:
    before = set(threading.enumerate())
    ear = Ear()
    with running(load_config(settings(tmp_path), environment={}), [ear]) as app:
        assert app.session.unowned == ()
        ear.wait(EngineChanged, lambda news: news.state is EngineState.READY)
        began = set(threading.enumerate()) - before
        assert {"session", "osc", "beat", "feeder", "engine-reader"} <= {
            thread.name for thread in began
        }
    end = monotonic() + 5
    while left := [thread.name for thread in began if thread.is_alive()]:
        assert monotonic() < end, left
        sleep(0.02)


def test_a_service_that_dies_is_told_to_everybody(tmp_path: Path) -> None:
    ear = Ear()
    with running(load_config(settings(tmp_path), environment={}), [ear]) as app:
        app.speaker.feeder.stopping.wait = _broken  # type: ignore[method-assign]
        failed = ear.wait(Failed)
    assert (failed.code, failed.text) == (
        "service", "feeder ended: RuntimeError('a bug in it'); restart mula run"
    )  # fmt: skip


def _broken(timeout: float | None = None) -> bool:
    raise RuntimeError("a bug in it")
