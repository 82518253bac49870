"""What is waited for, and what is said when it does not come."""

from __future__ import annotations

import threading

import pytest

from mula_bridge.control.messages.reports import ClipReady, EngineChanged, Failed, JobChanged
from mula_bridge.control.messages.states import EngineState, JobState
from mula_daemon.jobs.watch import JobFailed, JobWatch

CLIP = ClipReady("abc123", "job1", "/music/abc123.wav", 128.0, 4, 7, 7.5)
READY = EngineChanged(EngineState.READY, "tone")
DONE = JobChanged("job1", JobState.DONE)


def told(*reports: EngineChanged | ClipReady | Failed | JobChanged) -> JobWatch:
    watch = JobWatch()
    for report in reports:
        watch.report(report, to=None, but=None)
    return watch


def test_the_clips_of_a_job_are_there_when_it_is_done() -> None:
    watch = told(READY, JobChanged("job1", JobState.RUNNING), CLIP, DONE)
    watch.until_ready()
    assert watch.until_done() == [CLIP]


def test_who_waits_is_woken_by_a_report() -> None:
    watch = JobWatch()
    threading.Timer(0.05, watch.report, (READY,), {"to": None, "but": None}).start()
    watch.until_ready(10)
    threading.Timer(0.05, watch.report, (DONE,), {"to": None, "but": None}).start()
    assert watch.wait(lambda: watch.count(JobState.DONE) == 1, 10)
    assert not watch.wait(lambda: watch.count(JobState.DONE) == 2, 0.01)


@pytest.mark.parametrize(
    ("report", "words"),
    [
        (EngineChanged(EngineState.FAILED, "no weights"), "no weights"),
        (EngineChanged(EngineState.RESTING, "it keeps dying"), "it keeps dying"),
        (Failed("", "bad_input", "unknown key"), "unknown key"),
        (JobChanged("job1", JobState.FAILED, "killed by signal 9"), "killed by signal 9"),
        (JobChanged("job1", JobState.CANCELLED), "cancelled"),
    ],
)
def test_the_first_problem_is_said_in_its_own_words(
    report: EngineChanged | Failed | JobChanged, words: str
) -> None:
    watch = told(report, Failed("", "unknown", "what came of it"))
    for wait in (watch.until_ready, watch.until_done):
        with pytest.raises(JobFailed, match=words):
            wait()


def test_an_engine_that_takes_too_long_is_named() -> None:
    with pytest.raises(JobFailed, match=r"did not become ready within 0\.01 s"):
        told().until_ready(0.01)
