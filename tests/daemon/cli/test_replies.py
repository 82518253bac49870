"""What came back to a message: what is worth a line, when all is said, and how it went."""

from __future__ import annotations

import pytest

from mula_daemon.cli.replies import ExitStatus, Replies

TOKEN = 7


def after(address: str, *messages: tuple[object, ...]) -> Replies:
    replies = Replies(address, TOKEN)
    for where, *args in messages:
        replies.take(str(where), tuple(args))
    return replies


def job(state: str, name: str = "mine", *reason: str) -> tuple[object, ...]:
    return ("/mula/job", name, state, *reason)


def test_silence_a_sign_of_life_and_an_answer_differ() -> None:
    assert after("/mula/stop").status is ExitStatus.SILENCE
    alive = after("/mula/stop", ("/mula/pong", TOKEN))
    assert (alive.status, alive.count) == (ExitStatus.DONE, 0)
    asked = after("/mula/ping", ("/mula/pong",))  # the answer to what was sent
    assert asked.count == 1
    assert not asked.settled


@pytest.mark.parametrize(
    ("address", "states", "status"),
    [
        ("/mula/generate", ("queued",), ExitStatus.UNFINISHED),
        ("/mula/generate", ("queued", "running"), ExitStatus.UNFINISHED),
        ("/mula/generate", ("queued", "running", "done"), ExitStatus.DONE),
        ("/mula/generate", ("queued", "running", "failed"), ExitStatus.REFUSED),
        ("/mula/generate", ("queued", "cancelled"), ExitStatus.REFUSED),
        ("/mula/cancel", ("running", "cancelled"), ExitStatus.DONE),
        ("/mula/live", ("queued",), ExitStatus.UNFINISHED),
        ("/mula/live", ("queued", "running"), ExitStatus.DONE),
        ("/mula/live", ("queued", "failed"), ExitStatus.REFUSED),
        ("/mula/live", ("running",), ExitStatus.UNFINISHED),  # it is to end
        ("/mula/live", ("running", "cancelled"), ExitStatus.DONE),
        ("/mula/capture", ("running",), ExitStatus.UNFINISHED),
        ("/mula/subscribe", ("running",), ExitStatus.DONE),
    ],
)
def test_a_job_is_waited_for_as_long_as_it_concerns_the_message(
    address: str, states: tuple[str, ...], status: ExitStatus
) -> None:
    replies = after(address, *map(job, states))
    assert replies.status is status
    expected = status is not ExitStatus.UNFINISHED and address != "/mula/subscribe"
    assert replies.settled is expected


def test_bars_are_captured_when_their_clip_is_there_or_refused() -> None:
    clip = ("/mula/clip", "id", "path", 120.0, 4, 1, 8.0, "live1")
    assert after("/mula/capture", job("running", "live1"), clip).settled
    error = ("/mula/error", "/mula/capture", "disk", "full")
    refused = after("/mula/capture", job("running", "live1"), error)
    assert refused.settled
    assert refused.status is ExitStatus.REFUSED


def test_a_job_that_is_made_again_is_waited_for_too() -> None:
    replies = after("/mula/generate", job("queued"), job("queued", "mine~1"), job("done"))
    assert replies.under_way == ["mine~1"]
    replies.take("/mula/job", ("mine~1", "done"))
    assert replies.settled


def test_an_error_is_a_refusal() -> None:
    assert after("/mula/x", ("/mula/error", "/mula/x", "c", "t")).status is ExitStatus.REFUSED


def test_progress_is_told_in_steps_and_at_its_end() -> None:
    replies = Replies("/mula/generate", TOKEN)
    told = [n for n in range(1, 101) if replies.take("/mula/progress", ("mine", n / 100))]
    assert told == [*range(10, 91, 10), 100]
