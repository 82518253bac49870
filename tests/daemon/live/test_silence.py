"""Live play that falls silent, or that its model ends."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from time import perf_counter_ns

import numpy as np
import pytest

from mula_bridge.control.messages.commands import Live, Panic, QueryStatus, SetKnob
from mula_bridge.control.messages.reports import JobChanged, LiveChanged, Notice, StatusReport
from mula_bridge.control.messages.states import JobState
from mula_daemon.engine.messages import Ended
from mula_daemon.engine.seam import AudioBlock, Frame, FrameKnobs
from mula_daemon.live.handler import GoOn
from mula_daemon.live.silence import QUIET_S, SilenceWatch
from support.live_rig import ALICE, FRAME, RATE, Rig
from support.takes import noise

LONG = round(QUIET_S * RATE / FRAME)
"""Frames of silence that are too many."""
Begin = Callable[[int], Rig]


@pytest.fixture
def begin(tmp_path: Path) -> Iterator[Begin]:
    rigs: list[Rig] = []

    def begun(rerolls: int) -> Rig:
        rigs.append(Rig(tmp_path, rerolls))
        rigs[-1].mailbox.put(SetKnob("seed", 7), ALICE)
        rigs[-1].begin()
        return rigs[-1]

    yield begun
    for rig in rigs:
        rig.stop()


def hush(rig: Rig, frames: int = LONG) -> str:
    """Let the newest job make so many silent frames; its id."""
    job = rig.host.runs[-1].job
    for index in range(frames):
        rig.recorder.frame(Frame(job, index, 0, ((0,),), FrameKnobs(bpm=120.0), perf_counter_ns()))
        rig.recorder.audio(AudioBlock(job, 0, np.full((FRAME, 2), 0.0009, np.float32)))
    return job


def end(rig: Rig, job: str, state: JobState) -> None:
    rig.recorder.ended(Ended(job, state))
    rig.ear.wait(JobChanged, lambda changed: changed.id == job and changed.state is state)


def goes_on(rig: Rig, job: str) -> str:
    """The engine obeys: the job ends, and the one after it runs."""
    rig.ear.wait(Notice, lambda said: said.job == job)
    end(rig, job, JobState.CANCELLED)
    name = f"live{int(job.removeprefix('live')) + 1}"
    rig.ear.wait(JobChanged, lambda now: now.id == name and now.state is JobState.RUNNING)
    return name


def test_silence_is_said_once_with_seed_and_remedy(begin: Begin) -> None:
    rig = begin(0)
    rig.play("live1", 2)
    hush(rig, 2 * LONG)
    said = rig.ear.wait(Notice)
    assert (said.job, said.code) == ("live1", "falls-silent")
    assert said.text.startswith("live play (seed 7) has been near-silent for 4 s: other tags")
    assert "--reroll" in said.text
    rig.play("live1", 1)
    hush(rig)
    rig.ear.wait(Notice, lambda _: len(rig.ear.all(Notice)) == 2)
    assert rig.host.aborts == []


def test_with_reroll_it_goes_on_anew_with_the_next_seed_and_stays_on(begin: Begin) -> None:
    rig = begin(1)
    rig.play("live1", 2)
    hush(rig)
    assert "goes on anew with the next seed" in rig.ear.wait(Notice).text
    assert goes_on(rig, "live1") == "live2"
    assert rig.host.aborts == ["live1"]
    assert [run.seeds for run in rig.host.runs] == [(7,), (8,)]
    assert rig.host.runs[-1].endless
    assert all(changed.on for changed in rig.ear.all(LiveChanged))


def test_one_that_is_heard_may_be_followed_again_and_silent_ones_only_so_often(
    begin: Begin,
) -> None:
    rig = begin(1)
    hush(rig)
    rig.sound.clear()
    second = goes_on(rig, "live1")
    hush(rig)  # never heard: it is the last
    rig.ear.wait(Notice, lambda said: said.job == second and "so are the seeds" in said.text)
    assert rig.host.aborts == ["live1"]
    rig.recorder.audio(AudioBlock(second, 0, noise(1)))
    rig.play(second, 1)
    hush(rig)
    assert goes_on(rig, second) == "live3"


def test_whoever_switches_off_before_the_end_is_obeyed(begin: Begin) -> None:
    rig = begin(2)
    job = hush(rig)
    rig.ear.wait(Notice)
    rig.mailbox.put(Live(False), ALICE)
    rig.ear.wait(JobChanged, lambda changed: changed.state is JobState.RUNNING)
    end(rig, job, JobState.CANCELLED)
    rig.ear.wait(LiveChanged, lambda changed: not changed.on)
    assert len(rig.host.runs) == 1
    rig.mailbox.put(Live(True), ALICE)
    rig.ear.wait(JobChanged, lambda now: now.id == "live2" and now.state is JobState.RUNNING)
    assert rig.host.runs[-1].seeds == (7,)


def test_whoever_switches_off_between_two_jobs_is_obeyed(
    begin: Begin, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig = begin(2)
    job = hush(rig)
    rig.ear.wait(Notice)
    post, held = rig.mailbox.post, list[object]()

    def hold(event: object) -> None:
        held.append(event) if isinstance(event, GoOn) else post(event)

    monkeypatch.setattr(rig.mailbox, "post", hold)
    end(rig, job, JobState.CANCELLED)
    rig.mailbox.put(Live(False), ALICE)
    rig.ear.wait(LiveChanged, lambda changed: not changed.on)
    assert len(held) == 1
    post(held[0])
    rig.mailbox.put(Live(True), ALICE)
    rig.ear.wait(JobChanged, lambda now: now.id == "live2" and now.state is JobState.RUNNING)
    assert rig.host.runs[-1].seeds == (7,)


@pytest.mark.parametrize("has_ended", [False, True])
def test_at_a_panic_nothing_goes_on(
    begin: Begin, monkeypatch: pytest.MonkeyPatch, has_ended: bool
) -> None:
    rig = begin(2)
    job = hush(rig)
    rig.ear.wait(Notice)
    if has_ended:  # and the next one is about to be queued
        post = rig.mailbox.post
        monkeypatch.setattr(
            rig.mailbox, "post", lambda event: None if isinstance(event, GoOn) else post(event)
        )
        end(rig, job, JobState.CANCELLED)
        rig.mailbox.put(Panic(), ALICE)
    else:
        rig.mailbox.put(Panic(), ALICE)
        rig.mailbox.put(QueryStatus(), ALICE)
        rig.ear.wait(StatusReport)
        end(rig, job, JobState.CANCELLED)
    rig.ear.wait(LiveChanged, lambda changed: not changed.on)
    assert len(rig.host.runs) == 1


def test_a_model_that_ends_live_play_is_followed_and_it_is_said(begin: Begin) -> None:
    rig = begin(0)
    rig.play("live1", 3)
    end(rig, "live1", JobState.DONE)
    said = rig.ear.wait(Notice)
    assert (said.code, said.text[:33]) == ("ended", "the model ended live play (seed 7")
    rig.ear.wait(JobChanged, lambda now: now.id == "live2" and now.state is JobState.RUNNING)
    assert rig.host.runs[-1].seeds == (8,)
    end(rig, "live2", JobState.DONE)  # before it was heard: it would do so for ever
    rig.ear.wait(LiveChanged, lambda changed: not changed.on)
    assert len(rig.host.runs) == 2


def test_a_pause_is_no_silence() -> None:
    watch = SilenceWatch(100)
    quiet, loud = np.zeros((150, 2), np.float32), np.ones((1, 2), np.float32)
    assert [watch.hear(quiet) for _ in range(4)] == [False, False, True, False]
    assert not watch.sounded
    assert not watch.hear(loud) and watch.sounded
    assert [watch.hear(quiet) for _ in range(3)] == [False, False, True]
