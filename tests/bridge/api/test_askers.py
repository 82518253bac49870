"""Who asked for a job is remembered until that is over, and not without limit."""

from __future__ import annotations

import pytest

from mula_bridge.api.askers import MAX_ASKED, Askers, Subject, subject_of
from mula_bridge.control.messages.reports import (
    ClipReady,
    EngineChanged,
    JobChanged,
    KnobChanged,
    Notice,
    Progress,
    Report,
)
from mula_bridge.control.messages.states import EngineState, JobState

ALICE, BOB = ("127.0.0.1", 50_000), ("127.0.0.1", 50_001)


@pytest.mark.parametrize(
    ("report", "subject"),
    [
        (JobChanged("a", JobState.QUEUED), Subject("a")),
        (JobChanged("a", JobState.RUNNING), Subject("a")),
        (JobChanged("a", JobState.DONE), Subject("a", over=True)),
        (JobChanged("a", JobState.CANCELLED), Subject("a", over=True)),
        (JobChanged("a", JobState.FAILED, "why"), Subject("a", over=True)),
        (Progress("a", 1.0), Subject("a")),
        (ClipReady("id", "a", "path", 120.0, 4, 1, 8.0), Subject("a")),
        (Notice("a", "code", "text"), Subject("a")),
        (Notice("", "engine", "text"), None),
        (KnobChanged("cfg", 1.5, 0.125), None),
        (EngineChanged(EngineState.READY), None),
    ],
    ids=lambda value: type(value).__name__,
)
def test_reports_name_the_job_that_they_are_about(report: Report, subject: Subject | None) -> None:
    assert subject_of(report) == subject


def test_several_may_ask_for_one_job_and_hear_of_no_other() -> None:
    askers = Askers()
    for peer in (ALICE, BOB, ALICE):
        askers.add("a", peer)
    askers.add("b", BOB)
    assert sorted(askers.of("a")) == [ALICE, BOB]
    askers.over("a")
    assert (askers.of("a"), askers.of("b")) == ([], [BOB])
    askers.forget(BOB)
    assert len(askers) == 0


def test_of_too_many_the_one_who_asked_first_is_forgotten() -> None:
    askers = Askers()
    for number in range(MAX_ASKED + 3):
        askers.add(f"job{number}", ALICE)
    assert len(askers) == MAX_ASKED
    assert askers.of("job2") == []
    assert askers.of("job3") == [ALICE]
