"""Takes and live play that fall silent, from the engine's process to the folder and the ear."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from mula_bridge.control.messages.commands import Generate, Live, SetKnob, SetLyrics
from mula_bridge.control.messages.reports import (
    ClipReady,
    EngineChanged,
    FrameReport,
    JobChanged,
    LiveChanged,
    Notice,
)
from mula_bridge.control.messages.states import EngineState, JobState
from mula_daemon.app.running import App, running
from mula_daemon.engine.tone_faults import SILENT, VARIABLE
from mula_daemon.settings.loading import load_config
from support.fakes import Ear


@contextmanager
def daemon(folder: Path, rerolls: int) -> Iterator[tuple[App, Ear]]:
    """One whose tone falls silent for even seeds."""
    settings: dict[str, str | None] = {
        "engine": "tone", "folder": str(folder / "clips"), "audio": "off", "midi": "off",
        "presets": str(folder / "presets.yaml"), "learnt": str(folder / "learnt.yaml"),
        "reroll": str(rerolls),
    }  # fmt: skip
    ear = Ear()
    with running(load_config(settings, environment={}), [ear], osc=False) as app:
        ear.wait(EngineChanged, lambda news: news.state is EngineState.READY)
        for knob, value in (("bpm", 240.0), ("bars", 2), ("seed", 6)):
            app.emit(SetKnob(knob, value))
        yield app, ear


@pytest.fixture(autouse=True)
def faults(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "1")
    monkeypatch.setattr("mula_daemon.live.silence.QUIET_S", 0.4)


def test_a_take_that_falls_silent_is_made_again_and_the_other_is_not(tmp_path: Path) -> None:
    with daemon(tmp_path, 2) as (app, ear):
        app.emit(Generate("a", lyrics=SILENT, overrides={"takes": 2}))
        ear.wait(JobChanged, lambda job: job.id == "a.1~2" and job.state is JobState.DONE)
        clips = [(clip.job, clip.seed) for clip in ear.all(ClipReady)]
        first, second = (said.text for said in ear.all(Notice))
    assert clips == [("a", 6), ("a", 7), ("a.1~1", 8), ("a.1~2", 9)]
    again = "is near-silent from 0.3 s on, of 2.0; it is made again with the next seed"
    assert (first, second) == (f"take 1 (seed 6) {again}", f"take 1 (seed 8) {again}")


def test_live_play_that_falls_silent_goes_on_with_a_seed_that_is_heard(tmp_path: Path) -> None:
    with daemon(tmp_path, 1) as (app, ear):
        app.emit(SetLyrics(SILENT))
        app.emit(Live(True))
        ear.wait(LiveChanged, lambda news: news.on)
        said = ear.wait(Notice)
        assert (said.job, said.code) == ("live1", "falls-silent")
        ear.wait(FrameReport, lambda frame: frame.job == "live2" and frame.index > 8)
        assert app.live.recording is not None and app.live.recording.silence.sounded
        assert all(news.on for news in ear.all(LiveChanged))
        assert len(ear.all(Notice)) == 1
