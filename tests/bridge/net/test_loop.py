"""A thread with an event loop, and what it does when that is due."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable
from threading import Event
from time import monotonic, sleep

import pytest

from mula_bridge.control.messages.origin import Origin
from mula_bridge.control.messages.reports import Failed, Report
from mula_bridge.errors import Busy, Unavailable
from mula_bridge.net.loop import MAX_CALLS, MAX_WAITING, Act, LoopThread, TakeReport

PATIENCE_S = 5.0


class Taker:
    """Remembers the texts of failures, and where they were taken; "bug" is one."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.threads: set[str] = set()
        self.last = Event()

    def take(self, report: Report, *, to: Origin | None = None, but: Origin | None = None) -> None:
        assert isinstance(report, Failed)
        if report.text == "bug":
            raise RuntimeError("a bug in a report")
        self.texts.append(report.text)
        self.threads.add(threading.current_thread().name)
        if report.text == "last":
            self.last.set()


async def nothing() -> None: ...


def test_what_fails_on_the_loop_is_a_fault_of_its_service_and_the_loop_goes_on() -> None:
    taker = Taker()
    thread = looped(taker.take, idle)
    thread.start()
    service = thread.service
    assert service is not None
    heard: list[str] = []
    service.on_fault = lambda service, what, error: heard.append(repr(error))

    def fail(error: Exception) -> None:
        raise error

    def fail_soon(error: Exception) -> None:
        asyncio.get_running_loop().call_soon(fail, error)

    thread.call(fail, RuntimeError("a bug in a call"))
    thread.call(fail_soon, RuntimeError("a bug in a callback"))
    thread.call(fail_soon, ConnectionResetError("a client left"))
    send(thread, "bug")
    send(thread, "last")
    assert taker.last.wait(PATIENCE_S)
    thread.stop()
    bugs = ("a bug in a call", "a bug in a callback", "a bug in a report")
    assert sorted(heard) == [f"RuntimeError('{bug}')" for bug in bugs]
    assert service.faults == 3


def idle() -> float | None:
    return None


def looped(
    take: TakeReport,
    due: Callable[[], float | None],
    opening: Act = nothing,
    closing: Act = nothing,
) -> LoopThread:
    return LoopThread("a loop", opening, closing, take, due)


def send(thread: LoopThread, text: str) -> None:
    thread.report(Failed("", "x", text))


def test_reports_are_taken_in_order_on_the_thread() -> None:
    taker = Taker()
    thread = looped(taker.take, idle)
    send(thread, "early")
    thread.start()
    for text in ("one", "last"):
        send(thread, text)
    assert taker.last.wait(PATIENCE_S)
    thread.stop()
    assert taker.texts == ["early", "one", "last"]
    assert taker.threads == {"a loop"}
    assert "a loop" not in {one.name for one in threading.enumerate()}


def test_of_too_many_reports_the_newest_are_kept() -> None:
    taker = Taker()
    thread = looped(taker.take, idle)
    for number in range(MAX_WAITING + 5):
        send(thread, str(number))
    send(thread, "last")
    thread.start()
    assert taker.last.wait(PATIENCE_S)
    thread.stop()
    assert len(taker.texts) == MAX_WAITING
    assert taker.texts[0] == "6"


def test_a_bug_in_one_report_does_not_take_the_others_away(
    caplog: pytest.LogCaptureFixture,
) -> None:
    taker = Taker()
    thread = looped(taker.take, idle)
    with caplog.at_level(logging.ERROR):
        thread.start()
        send(thread, "bug")
        send(thread, "last")
        assert taker.last.wait(PATIENCE_S)
        thread.stop()
    assert "a bug in a report" in caplog.text


def test_what_opening_raises_is_raised_and_the_thread_ends() -> None:
    async def fail() -> None:
        raise OSError("taken")

    thread = looped(Taker().take, idle, opening=fail)
    with pytest.raises(OSError, match="taken"):
        thread.start()
    assert "a loop" not in {one.name for one in threading.enumerate()}


def test_a_server_that_is_long_in_opening_is_given_up_with_a_sentence(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("mula_bridge.net.loop.OPEN_S", 0.05)

    async def look_the_name_up() -> None:
        await asyncio.sleep(0.3)

    thread = looped(Taker().take, idle, opening=look_the_name_up)
    with pytest.raises(Unavailable, match=r"a loop: its port does not open within 0\.05 s"):
        thread.start()
    assert "a loop" not in {one.name for one in threading.enumerate()}


def test_a_loop_that_cannot_be_had_is_an_error_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> asyncio.AbstractEventLoop:
        raise OSError(24, "Too many open files")

    monkeypatch.setattr(asyncio, "new_event_loop", refuse)
    thread = looped(Taker().take, idle)
    began = monotonic()
    with pytest.raises(OSError, match="Too many open files"):
        thread.start()
    assert monotonic() - began < PATIENCE_S


def test_calls_wait_for_a_loop_and_of_too_many_the_newest_is_refused() -> None:
    taker = Taker()
    thread = looped(taker.take, idle)
    called: list[int] = []
    for number in range(MAX_CALLS):
        thread.call(called.append, number)
    with pytest.raises(Busy, match="64 calls wait for a loop"):
        thread.call(called.append, MAX_CALLS)
    thread.start()
    until(lambda: len(called) == MAX_CALLS)
    thread.call(called.append, MAX_CALLS)  # there is room again
    until(lambda: len(called) == MAX_CALLS + 1)
    thread.stop()
    assert called == list(range(MAX_CALLS + 1))


def test_a_call_between_two_loops_is_made_by_the_second() -> None:
    closed, called, go_on = Event(), Event(), Event()

    async def closing() -> None:
        closed.set()
        go_on.wait(PATIENCE_S)

    thread = looped(Taker().take, idle, closing=closing)
    thread.start()
    thread.call(kill)
    assert closed.wait(PATIENCE_S)
    thread.call(called.set)
    assert not called.is_set()
    go_on.set()
    assert called.wait(PATIENCE_S)
    thread.stop()


class Chores:
    """Does what is due at the moments ``waits`` says, and remembers when it was asked."""

    def __init__(self, *waits: float | None) -> None:
        self.waits = list(waits)
        self.times: list[float] = []

    def due(self) -> float | None:
        self.times.append(monotonic())
        return self.waits.pop(0)


def run(chores: Chores, calls: int) -> LoopThread:
    """A thread that was told so often that something is due, and has had time for it."""

    async def opening() -> None:
        for _ in range(calls):
            thread.due()

    thread = looped(Taker().take, chores.due, opening)
    thread.start()  # after which it looks for reports, and for what is due
    sleep(0.15)
    return thread


def test_what_is_due_is_done_as_long_as_there_is_more_however_often_it_is_asked_for() -> None:
    chores = Chores(0.05, 0.05, 0.05, 0.01, None)
    run(chores, 2).stop()
    assert chores.waits == []
    assert chores.times[3] - chores.times[0] >= 0.045  # of three that were to come, one
    assert chores.times[4] - chores.times[3] >= 0.005


def test_what_is_due_earlier_is_not_kept_waiting() -> None:
    chores = Chores(30.0, 0.01, None)
    run(chores, 1).stop()
    assert chores.waits == []


def test_what_was_to_come_is_forgotten_at_the_end() -> None:
    chores = Chores(0.2, 0.01, None)
    thread = run(chores, 0)
    thread.stop()
    assert chores.waits == [0.01, None]
    thread.start()
    sleep(0.15)
    thread.stop()
    assert chores.waits == []


# --- a loop that dies -----------------------------------------------------------------------------


class Place:
    """A server that counts how often it was opened and closed."""

    def __init__(self) -> None:
        self.opened = self.closed = 0
        self.refusals = 0
        """So many of the next openings fail."""
        self.open = Event()

    async def opening(self) -> None:
        if self.opened and self.refusals:
            self.refusals -= 1
            raise OSError("taken")
        self.opened += 1
        self.open.set()

    async def closing(self) -> None:
        self.closed += 1


def until(condition: Callable[[], object]) -> None:
    end = monotonic() + PATIENCE_S
    while not condition():
        assert monotonic() < end
        sleep(0.005)


def kill() -> None:
    """End the loop that runs this from within, as nobody should."""
    asyncio.get_running_loop().stop()


@pytest.mark.parametrize("refusals", [0, 2])
def test_a_loop_that_dies_is_counted_and_opens_its_server_again(refusals: int) -> None:
    taker, place = Taker(), Place()
    thread = looped(taker.take, idle, place.opening, place.closing)
    thread.start()
    place.refusals = refusals
    assert thread.service is not None
    place.open.clear()
    thread.call(kill)
    assert place.open.wait(PATIENCE_S)
    send(thread, "last")
    assert taker.last.wait(PATIENCE_S)
    assert thread.service.faults == 1 + refusals
    assert not thread.service.dead
    thread.stop()
    assert (place.opened, place.closed) == (2, 2 + refusals)


def test_a_loop_that_dies_again_and_again_is_given_up_and_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("mula_bridge.control.service.FIRST_PAUSE_S", 0.001)
    place = Place()
    thread = looped(Taker().take, idle, place.opening, place.closing)
    thread.start()
    place.refusals = 1000
    service = thread.service
    assert service is not None
    told: list[Exception] = []
    service.on_death = lambda service, what, error: told.append(error)
    thread.call(kill)
    until(lambda: told)
    assert service.dead
    assert [str(error) for error in told] == ["taken"]
    thread.report(Failed("", "x", "for nobody"))
    thread.stop()


def test_a_bug_in_what_was_due_is_a_fault_and_no_end() -> None:
    taker = Taker()

    def due() -> float | None:
        raise RuntimeError("a bug in what was due")

    thread = looped(taker.take, due)
    thread.start()
    send(thread, "last")
    assert taker.last.wait(PATIENCE_S)
    assert thread.service is not None
    assert thread.service.faults >= 1
    thread.stop()
