"""Services: they begin, end within a limit, and die loudly and alone."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from functools import partial

import pytest

from mula_bridge.control.service import Errands, Service, Task
from mula_bridge.errors import Busy, Unavailable


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


def test_one_that_ends_again_and_again_is_dead_after_five_new_beginnings(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mula_bridge.control.service.FIRST_PAUSE_S", 0.001)
    told: list[tuple[str, str, str]] = []
    heard = threading.Event()

    def fail() -> None:
        raise OSError("the disk is gone")

    def on_fault(service: Service, what: str, error: Exception) -> None:
        told.append((service.name, what, str(error)))

    task = Task("archivist", fail)
    task.on_fault = on_fault
    task.on_death = lambda service, what, error: heard.set()
    with caplog.at_level(logging.ERROR):
        task.start()
        assert heard.wait(5)
    assert told == [("archivist", "running", "the disk is gone")] * 5
    assert (task.faults, task.dead) == (5, True)
    assert "archivist died" in caplog.text
    task.stop()
    assert not task.alive


def test_one_that_ends_once_works_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mula_bridge.control.service.FIRST_PAUSE_S", 0.001)
    worked = threading.Event()
    failures = iter([OSError("once")])

    def work() -> None:
        for failure in failures:
            raise failure
        worked.set()
        task.stopping.wait(30)

    task = Task("archivist", work)
    task.start()
    assert worked.wait(5)
    assert (task.faults, task.dead) == (1, False)
    task.stop()


def test_ends_that_lie_long_apart_are_not_counted_together(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("mula_bridge.control.service.FIRST_PAUSE_S", 0.001)
    monkeypatch.setattr("mula_bridge.control.service.RESTART_WINDOW_S", 0.0)
    worked = threading.Event()
    failures = iter([OSError("again")] * 9)

    def work() -> None:
        for failure in failures:
            raise failure
        worked.set()

    task = Task("archivist", work)
    task.start()
    assert worked.wait(5)
    assert (task.faults, task.dead) == (9, False)


def test_whoever_hears_of_a_fault_may_fail_as_well() -> None:
    done = threading.Event()
    errands = Errands("shelves")

    def broken(service: Service, what: str, error: Exception) -> None:
        raise RuntimeError("nobody listens")

    errands.on_fault = broken
    errands.start()
    errands.do(lambda: 1 / 0)
    errands.do(done.set)
    assert done.wait(5)
    errands.stop()


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
    assert "shelves" in caplog.text
    assert errands.faults == 1


def test_one_errand_more_than_may_wait_is_refused() -> None:
    done: list[int] = []
    errands = Errands("shelves", limit=2)
    for number in range(2):
        errands.do(partial(done.append, number))
    with pytest.raises(Busy, match="2 things wait for shelves"):
        errands.do(partial(done.append, 2))
    errands.start()
    errands.stop()
    assert done == [0, 1]


def test_where_only_the_newest_counts_the_oldest_errand_is_forgotten() -> None:
    done: list[int] = []
    errands = Errands("reader", limit=2, newest=True)
    for number in range(5):
        errands.do(partial(done.append, number))
    errands.start()
    errands.stop()
    assert done == [3, 4]


def test_a_thousand_faults_are_counted_and_logged_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    task = waiting()
    with caplog.at_level(logging.ERROR):
        for _ in range(1000):
            task.stumble("a file", OSError("gone"))
    assert task.faults == 1000
    assert caplog.text.count("waiting: a file failed") == 1


def test_what_was_not_logged_is_counted_in_the_next_line(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = waiting()
    with caplog.at_level(logging.ERROR):
        for _ in range(3):
            task.stumble("a file", OSError("gone"))
        later = time.monotonic() + 2
        monkeypatch.setattr(time, "monotonic", lambda: later)
        task.stumble("a file", OSError("gone"))
    assert "waiting: a file failed (and 2 faults before it)" in caplog.text


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


@pytest.mark.parametrize("raised", [SystemExit(1), KeyboardInterrupt(), GeneratorExit()], ids=repr)
def test_what_is_no_ordinary_exception_ends_no_service(
    raised: BaseException, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mula_bridge.control.service.FIRST_PAUSE_S", 0.001)
    told: list[str] = []
    errands = Errands("shelves")
    errands.on_fault = lambda service, what, error: told.append(str(error))
    done = threading.Event()

    def fail() -> None:
        raise raised

    errands.do(fail)
    errands.do(done.set)
    errands.start()
    assert done.wait(5)
    errands.stop()
    assert told == [repr(raised)]
    assert not errands.dead


def test_what_was_handed_over_before_an_early_end_is_done() -> None:
    done: list[int] = []
    errands = Errands("files")
    errands.do(partial(done.append, 1))
    errands.stopping.set()
    errands.start()
    errands.stop()
    assert done == [1]


@pytest.mark.parametrize("drop", [False, True])
def test_what_comes_after_the_end_is_not_lost_in_silence(*, drop: bool) -> None:
    done: list[int] = []
    errands = Errands("files", drop=drop)
    errands.start()
    errands.stop()
    if drop:
        errands.do(partial(done.append, 1))
    else:
        with pytest.raises(Busy, match="files has ended"):
            errands.do(partial(done.append, 1))
    assert done == []


def test_an_errand_is_named_without_what_it_holds(caplog: pytest.LogCaptureFixture) -> None:
    class Clip:
        def __repr__(self) -> str:
            raise RuntimeError("a bug in a name")

    def write(clip: Clip) -> None:
        raise OSError("the disk is gone")

    done = threading.Event()
    errands = Errands("files")
    errands.do(partial(write, Clip()))
    errands.do(done.set)
    with caplog.at_level(logging.ERROR):
        errands.start()
        assert done.wait(5)
    errands.stop()
    assert errands.faults == 1
    assert "write failed" in caplog.text


def test_one_that_cannot_be_woken_is_waited_for_all_the_same(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def wake() -> None:
        raise OSError("closed already")

    task = Task("deaf", lambda: task.stopping.wait(30), wake)
    task.start()
    task.stop()
    assert not task.alive
    assert "deaf could not be woken" in caplog.text


def test_a_system_without_threads_is_said_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    task = waiting()
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", fail)
        with pytest.raises(Unavailable, match=r"waiting cannot begin.*raise the limit"):
            task.start()
    task.start()  # there may be one later
    with pytest.raises(RuntimeError, match="begun already"):
        task.start()
    task.stop()
