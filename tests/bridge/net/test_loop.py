"""A thread with an event loop, and calls that are made later, once."""

from __future__ import annotations

import asyncio
import logging
import threading
from threading import Event

import pytest

from mula_bridge.control.messages.origin import Origin
from mula_bridge.control.messages.reports import Failed, Report
from mula_bridge.net.loop import MAX_WAITING, LoopThread, LoopTimer

PATIENCE_S = 5.0


class Taker:
    """Remembers the texts of failures, and where they were taken; "bug" is one."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.threads: set[str] = set()
        self.last = Event()

    def take(self, report: Report, to: Origin | None, but: Origin | None) -> None:
        assert isinstance(report, Failed)
        if report.text == "bug":
            raise RuntimeError("a bug in a report")
        self.texts.append(report.text)
        self.threads.add(threading.current_thread().name)
        if report.text == "last":
            self.last.set()


async def nothing() -> None: ...


def send(thread: LoopThread, text: str) -> None:
    thread.report(Failed("", "x", text), None, None)


def test_reports_are_taken_in_order_on_the_thread() -> None:
    taker = Taker()
    thread = LoopThread("a loop", taker.take)
    send(thread, "early")
    thread.start(nothing())
    for text in ("one", "last"):
        send(thread, text)
    assert taker.last.wait(PATIENCE_S)
    thread.stop(nothing())
    assert taker.texts == ["early", "one", "last"]
    assert taker.threads == {"a loop"}
    assert "a loop" not in {one.name for one in threading.enumerate()}


def test_of_too_many_reports_the_newest_are_kept() -> None:
    taker = Taker()
    thread = LoopThread("a loop", taker.take)
    for number in range(MAX_WAITING + 5):
        send(thread, str(number))
    send(thread, "last")
    thread.start(nothing())
    assert taker.last.wait(PATIENCE_S)
    thread.stop(nothing())
    assert len(taker.texts) == MAX_WAITING
    assert taker.texts[0] == "6"


def test_a_bug_in_one_report_does_not_take_the_others_away(
    caplog: pytest.LogCaptureFixture,
) -> None:
    taker = Taker()
    thread = LoopThread("a loop", taker.take)
    with caplog.at_level(logging.ERROR):
        thread.start(nothing())
        send(thread, "bug")
        send(thread, "last")
        assert taker.last.wait(PATIENCE_S)
        thread.stop(nothing())
    assert "a bug in a report" in caplog.text


def test_what_opening_raises_is_raised_and_the_thread_ends() -> None:
    async def fail() -> None:
        raise OSError("taken")

    thread = LoopThread("a loop", Taker().take)
    with pytest.raises(OSError, match="taken"):
        thread.start(fail())
    assert "a loop" not in {one.name for one in threading.enumerate()}


def test_nothing_is_called_where_nothing_runs() -> None:
    thread = LoopThread("a loop", Taker().take)
    called: list[int] = []
    thread.call(called.append, 1)
    thread.stop(nothing())
    thread.start(nothing())
    thread.stop(asyncio.sleep(0))
    thread.call(called.append, 2)
    assert called == []


def test_a_timer_calls_as_long_as_it_is_asked_to_however_often_it_is_called() -> None:
    calls: list[float] = []
    waits: list[float | None] = [0.02, 0.02, 0.02, 0.01, None]

    async def run() -> None:
        loop = asyncio.get_running_loop()

        def function() -> float | None:
            calls.append(loop.time())
            return waits.pop(0)

        timer = LoopTimer(function)
        for _ in range(3):
            timer.call()
        await asyncio.sleep(0.1)

    asyncio.run(run())
    assert waits == []
    assert calls[3] - calls[0] >= 0.015  # of three that it was to make later, one
    assert calls[4] - calls[3] >= 0.005


def test_a_timer_calls_at_the_earliest_time_that_it_was_asked_to() -> None:
    waits: list[float | None] = [30.0, 0.01, None]

    async def run() -> None:
        timer = LoopTimer(lambda: waits.pop(0))
        timer.call()
        timer.call()
        await asyncio.sleep(0.05)

    asyncio.run(run())
    assert waits == []


def test_what_is_cancelled_is_not_called_and_can_be_asked_for_again() -> None:
    waits: list[float | None] = [30.0, 0.01, None]

    async def run() -> None:
        timer = LoopTimer(lambda: waits.pop(0))
        timer.cancel()
        timer.call()
        timer.cancel()
        timer.call()
        await asyncio.sleep(0.05)

    asyncio.run(run())
    assert waits == []
