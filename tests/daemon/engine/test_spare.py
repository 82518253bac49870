"""The process that waits for an engine's death."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import suppress
from multiprocessing import Pipe
from pathlib import Path
from time import monotonic, sleep

import psutil
import pytest

from mula_daemon.engine import spare as spare_module
from mula_daemon.engine.engines import ENGINES, is_small, libraries
from mula_daemon.engine.messages import Alive, Begun, EngineSpec, FromEngine, Quit, Ready
from mula_daemon.engine.spare import EngineChild, Spare
from support.processes import children


@pytest.fixture
def spare() -> Iterator[Spare]:
    """One for mini, whose libraries are worth it."""
    made = Spare(EngineSpec("mini"))
    try:
        yield made
    finally:
        made.drop()


def waiting() -> list[psutil.Process]:
    """Processes of ours that wait."""
    return children("spawn_main")


def behind_others(pid: int) -> bool:
    """Whether a thread of that process lets all others go first; while it ends nobody knows."""
    for thread in Path(f"/proc/{pid}/task").iterdir():
        with suppress(OSError):
            if os.sched_getscheduler(int(thread.name)) == os.SCHED_IDLE:
                return True
    return False


def until_ready(child: EngineChild) -> list[FromEngine]:
    """What it says before it is ready."""
    said: list[FromEngine] = []
    while True:
        assert child.connection.poll(60)
        message = child.connection.recv()
        if isinstance(message, Ready):
            return said
        said.append(message)


def test_who_takes_gets_the_one_that_waits(spare: Spare) -> None:
    spare.keep()
    (child,) = waiting()
    taken = spare.take()
    assert taken.process.pid == child.pid
    taken.end()


@pytest.mark.skipif(sys.platform != "linux", reason="asks Linux for the place of a thread")
def test_only_one_that_waits_reads_behind_whoever_plays(spare: Spare) -> None:
    if os.sched_getscheduler(0) == os.SCHED_IDLE:
        pytest.skip("all that this process begins is behind others")
    taken = spare.take()
    seen = False
    while not taken.connection.poll(0.01):
        seen = seen or behind_others(taken.process.pid or 0)
    assert not seen
    taken.end()
    spare.keep()
    (child,) = waiting()
    end = monotonic() + 30
    while not behind_others(child.pid):
        assert monotonic() < end
        sleep(0.01)


def test_one_waits_at_most(spare: Spare) -> None:
    spare.keep()
    spare.keep()
    assert len(waiting()) == 1


@pytest.mark.parametrize("renew", [False, True], ids=["taken", "kept anew"])
def test_one_that_died_waiting_is_replaced(spare: Spare, renew: bool) -> None:
    spare.keep()
    (child,) = waiting()
    child.kill()
    psutil.wait_procs([child], timeout=10)
    if renew:
        spare.keep()
    taken = spare.take()
    assert taken.process.pid != child.pid
    assert taken.process.is_alive()
    taken.end()


@pytest.mark.parametrize(
    ("age_s", "warm", "taken"),
    [(0.0, False, True), (spare_module.READING_S + 1, False, False),
     (spare_module.READING_S + 1, True, True)],
    ids=["reads still", "reads for ever", "is warm"],
)  # fmt: skip
def test_one_that_hangs_before_it_is_warm_is_not_taken(
    age_s: float, warm: bool, taken: bool
) -> None:
    spare = Spare(EngineSpec("tone"))
    kept = spare._spawn(spare=True)
    if warm:
        assert kept.connection.poll(30)  # it says that it waits
    else:
        kept.process.kill()
        kept.connection.close()
        ours, _theirs = Pipe()  # nothing comes of it
        kept = kept._replace(connection=ours)
    spare._waiting = kept._replace(since=monotonic() - age_s)
    got = spare.take()
    assert (got.process is kept.process) == taken
    got.end()


def test_none_waits_once_it_is_dropped(spare: Spare) -> None:
    spare.keep()
    (child,) = waiting()
    spare.drop()
    assert not child.is_running()
    spare.keep()
    assert waiting() == []


def test_an_engine_that_is_there_at_once_keeps_none() -> None:
    spare = Spare(EngineSpec("tone"))
    spare.keep()
    assert waiting() == []


def test_one_that_is_told_to_begin_becomes_the_engine(spare: Spare) -> None:
    taken = Spare(EngineSpec("tone")).take()
    assert until_ready(taken) == [Alive(), Begun()]
    if sys.platform == "linux":
        assert psutil.Process(taken.process.pid).name() == "mula-engine"
    taken.connection.send(Quit())
    taken.process.join(10)
    assert taken.process.exitcode == 0
    taken.end()


def test_a_daemon_that_goes_takes_the_one_that_waits_with_it(spare: Spare) -> None:
    spare.keep()
    (child,) = waiting()
    waits = spare._waiting
    assert waits is not None
    waits.connection.close()
    _, alive = psutil.wait_procs([child], timeout=30)
    assert not alive


@pytest.mark.parametrize("name", [*ENGINES, "none"])
def test_every_engine_says_what_to_read_ahead(name: str) -> None:
    read = libraries(EngineSpec(name))
    assert ("torch" in read) == (name in ("auto", "mini", "heartmula"))


def test_what_auto_reads_ahead_is_what_it_builds() -> None:
    assert libraries(EngineSpec("auto")) == libraries(EngineSpec("mini"))
    assert libraries(EngineSpec("auto", "weights")) == libraries(EngineSpec("heartmula"))


@pytest.mark.slow
def test_a_small_engine_that_waited_is_there_at_once(spare: Spare) -> None:
    """It was warm already: what it says first is all that is left to wait for."""
    spare.keep()
    (child,) = waiting()
    _until_idle(child)
    begun = monotonic()
    taken = spare.take()
    until_ready(taken)
    waited = monotonic() - begun
    taken.end()
    fresh = Spare(EngineSpec("mini"))
    begun = monotonic()
    taken = fresh.take()
    until_ready(taken)
    assert waited < (monotonic() - begun) / 2
    taken.end()


def _until_idle(child: psutil.Process) -> None:
    """Wait until a process has nothing more to do."""
    end, quiet = monotonic() + 60, 0
    while quiet < 3 and monotonic() < end:
        quiet = quiet + 1 if child.cpu_percent(0.3) < 2 else 0


@pytest.mark.parametrize(("name", "small"), [("mini", True), ("auto", True), ("heartmula", False)])
def test_only_a_small_engine_is_warm_twice(name: str, small: bool) -> None:
    assert is_small(EngineSpec(name)) == small


def test_auto_with_weights_is_not_small() -> None:
    assert not is_small(EngineSpec("auto", "weights"))
