"""The daemon put together: who obeys what, and that all of it ends."""

from __future__ import annotations

import threading
from itertools import islice
from pathlib import Path
from time import monotonic, sleep

import pytest

from mula_bridge.api.client import OscClient
from mula_bridge.control.messages.commands import Live
from mula_bridge.control.messages.origin import Origin
from mula_bridge.control.messages.reports import (
    EngineChanged,
    Failed,
    JobChanged,
    LiveChanged,
    Report,
    ServiceChanged,
)
from mula_bridge.control.messages.states import EngineState, JobState, ServiceState
from mula_bridge.control.service import Service
from mula_daemon.app.running import App, running
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


def test_a_service_that_dies_is_told_to_everybody_and_to_whoever_asks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mula_bridge.control.service.FIRST_PAUSE_S", 0.001)
    monkeypatch.setattr("mula_daemon.live.trace.Punctual.run", _broken)
    ear = Ear()
    with running(load_config(settings(tmp_path), environment={}), [ear]) as app:
        dead = ear.wait(ServiceChanged, lambda news: news.state is ServiceState.DEAD)
        assert (dead.name, dead.faults) == ("heard", 5)
        ended = "heard ended: RuntimeError('a bug in it'); restart mula run"
        assert Failed("", "service", ended) in ear.all(Failed)
        assert app.osc_address is not None
        with OscClient(*app.osc_address) as client:
            client.send("/mula/status")
            told = dict(islice(client.replies(5), 2))
        assert list(told) == ["/mula/status", "/mula/service"]
        assert told["/mula/service"][:3] == ("heard", "dead", 5)


class Witness(Ear):
    """Whether live play still holds its job, each time an end of it is told."""

    def __init__(self) -> None:
        super().__init__()
        self.holds: list[bool] = []
        self.app: App | None = None

    def report(self, report: Report, *, to: Origin | None, but: Origin | None) -> None:
        if isinstance(report, JobChanged) and report.state is JobState.CANCELLED:
            assert self.app is not None
            self.holds.append(self.app.live.recording is not None)
        super().report(report, to=to, but=but)


def test_who_owns_a_state_hears_of_it_before_those_who_show_it(tmp_path: Path) -> None:
    """Whoever is told that live play has ended can begin it again at once."""
    ear = Witness()
    with running(load_config(settings(tmp_path), environment={}), [ear]) as app:
        ear.app = app
        app.emit(Live(True))
        ear.wait(JobChanged, lambda news: news.state is JobState.RUNNING)
        assert app.live.recording is not None
        app.emit(Live(False))
        ear.wait(LiveChanged, lambda news: not news.on)
    assert ear.holds[:1] == [False]


def _broken(service: Service) -> None:
    raise RuntimeError("a bug in it")
