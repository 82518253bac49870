from __future__ import annotations

import pytest

from mula_bridge.control.messages.states import JobState
from mula_bridge.errors import BadInput, Busy, UnknownName
from mula_daemon.engine.seam import ClipRequest
from mula_daemon.jobs.queue import MOVES, Job, JobQueue


def job(name: str) -> Job:
    return Job(ClipRequest(name, ("techno",), (1,)), {})


def test_jobs_run_in_the_order_they_came() -> None:
    queue = JobQueue()
    for name in ("a", "b", "c"):
        queue.add(job(name))
    order = []
    while (running := queue.start_next()) is not None:
        order.append(running.id)
        queue.end(running, JobState.DONE)
    assert order == ["a", "b", "c"]


def test_only_one_runs_at_a_time() -> None:
    queue = JobQueue()
    queue.add(job("a"))
    queue.add(job("b"))
    assert queue.start_next() is not None
    assert queue.start_next() is None


def test_a_full_queue_is_busy_and_keeps_what_it_has() -> None:
    queue = JobQueue(limit=2)
    queue.add(job("a"))
    queue.add(job("b"))
    with pytest.raises(Busy, match="2 jobs"):
        queue.add(job("c"))
    assert [waiting.id for waiting in queue.waiting] == ["a", "b"]


def test_a_live_id_cannot_be_used_twice_but_an_ended_one_can() -> None:
    queue = JobQueue()
    queue.add(job("a"))
    with pytest.raises(BadInput, match="exists already"):
        queue.add(job("a"))
    queue.end(queue.find("a"), JobState.CANCELLED)
    queue.add(job("a"))


def test_an_unknown_job_is_named_with_the_nearest_one() -> None:
    queue = JobQueue()
    queue.add(job("verse1"))
    with pytest.raises(UnknownName, match="did you mean verse1"):
        queue.find("verse2")


@pytest.mark.parametrize("state", [state for state, after in MOVES.items() if not after])
def test_nothing_follows_an_end(state: JobState) -> None:
    ended = job("a")
    ended.move(JobState.RUNNING)
    ended.move(state)
    for other in JobState:
        with pytest.raises(ValueError, match="cannot go"):
            ended.move(other)
