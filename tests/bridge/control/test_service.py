"""Services: they begin, end within a limit, and die loudly and alone."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

import pytest

from mula_bridge.control.service import Errands, Service, Task


def waiting() -> Task:
    """A service that waits to be stopped."""
    task = Task("waiting", lambda: task.stopping.wait(30))
    return task


def test_it_runs_on_a_thread_of_its_name_until_it_is_stopped() -> None:
    names: list[str] = []
    task = Task(
        "beat", lambda: (names.append(threading.current_thread().name), task.stopping.wait(30))
    )
    task.start()
    task.stop()
    assert names == ["beat"]
    assert not task.alive


def test_it_may_be_stopped_twice_and_before_it_began() -> None:
    waiting().stop()
    task = waiting()
    task.start()
    task.stop()
    task.stop()


def test_stop_wakes_what_waits_for_something_else() -> None:
    news = threading.Event()
    task = Task("asleep", lambda: news.wait(30), news.set)
    task.start()
    task.stop()
    assert not task.alive


def test_one_that_does_not_end_holds_nobody_up_and_is_named(
    caplog: pytest.LogCaptureFixture,
) -> None:
    free = threading.Event()
    task = Task("stubborn", lambda: free.wait(30))
    task.start()
    with caplog.at_level(logging.WARNING):
        task.stop(0.05)
    assert "stubborn did not end" in caplog.text
    free.set()


def test_one_that_ends_itself_does_not_wait_for_itself() -> None:
    done = threading.Event()

    def work() -> None:
        task.stop(30)
        done.set()

    task = Task("own end", work)
    task.start()
    assert done.wait(5)


def test_what_it_raises_is_logged_and_told_with_its_name(caplog: pytest.LogCaptureFixture) -> None:
    told: list[tuple[str, str]] = []
    heard = threading.Event()

    def fail() -> None:
        raise OSError("the disk is gone")

    def on_death(service: Service, error: Exception) -> None:
        told.append((service.name, str(error)))
        heard.set()

    task = Task("archivist", fail)
    task.on_death = on_death
    with caplog.at_level(logging.ERROR):
        task.start()
        assert heard.wait(5)
    assert told == [("archivist", "the disk is gone")]
    assert "archivist died" in caplog.text
    task.stop()
    assert not task.alive


def test_errands_are_done_in_order_and_a_bad_one_ends_alone(
    caplog: pytest.LogCaptureFixture,
) -> None:
    done: list[int] = []
    errands = Errands("shelves")
    errands.do(lambda: done.append(1))
    errands.do(lambda: 1 / 0)
    errands.do(lambda: done.append(2))
    with caplog.at_level(logging.ERROR):
        errands.start()
        errands.stop()
    assert done == [1, 2]
    assert "shelves could not do" in caplog.text


@pytest.mark.parametrize(("drop", "left"), [(False, [1, 2, 3]), (True, [1])])
def test_at_the_end_what_waits_is_done_or_dropped_as_was_asked(
    *, drop: bool, left: list[int]
) -> None:
    done: list[int] = []
    begun, free = threading.Event(), threading.Event()

    def note(number: int) -> Callable[[], None]:
        return lambda: done.append(number)

    def hold() -> None:
        begun.set()
        free.wait(5)
        done.append(1)

    errands = Errands("capture", drop=drop)
    errands.start()
    errands.do(hold)
    errands.do(note(2))
    errands.do(note(3))
    assert begun.wait(5)
    errands.stopping.set()
    free.set()
    errands.stop()
    assert done == left
