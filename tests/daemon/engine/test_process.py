"""The engine process with the tone engine in it: a real child, real pipes, real signals."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic, perf_counter_ns, sleep

import numpy as np
import pytest

from mula_bridge.control.messages.reports import Notice
from mula_bridge.control.messages.states import EngineState, JobState
from mula_daemon.clips.replay import performance
from mula_daemon.engine.messages import Ended, EngineSpec
from mula_daemon.engine.process import EngineProcess
from mula_daemon.engine.seam import AudioBlock, ClipRequest, EngineInfo, Frame, FrameKnobs


class Log:
    """A HostListener that remembers; ``gate`` closed holds the reader back in ``audio``."""

    def __init__(self) -> None:
        self.items: list[object] = []
        self.gate = threading.Event()
        self.gate.set()
        self._news = threading.Condition()

    def engine_changed(self, state: EngineState, detail: str, info: EngineInfo | None) -> None:
        self._add((state, detail, info))

    def frame(self, frame: Frame) -> None:
        self._add(frame)

    def audio(self, block: AudioBlock) -> None:
        self.gate.wait()
        self._add(block)

    def notice(self, notice: Notice) -> None:
        self._add(notice)

    def ended(self, ended: Ended) -> None:
        self._add(ended)

    def _add(self, item: object) -> None:
        with self._news:
            self.items.append(item)
            self._news.notify_all()

    def frames(self) -> list[Frame]:
        return [item for item in list(self.items) if isinstance(item, Frame)]

    def states(self) -> list[EngineState]:
        return [item[0] for item in list(self.items) if isinstance(item, tuple)]

    def until(self, test: object, timeout: float = 20.0) -> None:
        end = monotonic() + timeout
        with self._news:
            while not test():  # type: ignore[operator]
                if not self._news.wait(end - monotonic()):
                    raise AssertionError(f"waited {timeout} s; last: {self.items[-3:]}")

    def end_of(self, job: str) -> Ended:
        def ends() -> list[Ended]:
            return [i for i in self.items if isinstance(i, Ended) and i.job == job]

        self.until(lambda: bool(ends()))
        return ends()[0]


@contextmanager
def engine(spec: EngineSpec) -> Iterator[tuple[EngineProcess, Log]]:
    process, log = EngineProcess(spec), Log()
    process.start(log)
    try:
        yield process, log
    finally:
        log.gate.set()
        process.stop()


@pytest.fixture
def tone() -> Iterator[tuple[EngineProcess, Log]]:
    with engine(EngineSpec("tone")) as (process, log):
        log.until(lambda: EngineState.READY in log.states())
        yield process, log


def slow(job: str = "j", bars: int = 4) -> ClipRequest:
    """A request that takes as long as it plays: 8 s at 4 bars."""
    return ClipRequest(job, ("x",), (0,), bars=bars, pace=1.0)


def test_a_job_arrives_whole_and_sample_exact(tone: tuple[EngineProcess, Log]) -> None:
    process, log = tone
    request = ClipRequest("j", ("x",), (1, 2), bpm=127.3, bars=3)
    process.run(request)
    assert log.end_of("j") == Ended("j", JobState.DONE)
    assert [frame.index for frame in log.frames()] == list(range(48))
    for take in (0, 1):
        blocks = [i.samples for i in log.items if isinstance(i, AudioBlock) and i.take == take]
        assert sum(map(len, blocks)) == request.samples(48_000) == round(12 * 60 / 127.3 * 48_000)
        assert np.concatenate(blocks).dtype == np.float32


def test_a_knob_turned_while_it_generates_is_in_the_next_frame(
    tone: tuple[EngineProcess, Log],
) -> None:
    process, log = tone
    process.run(slow())
    log.until(lambda: len(log.frames()) >= 3)
    turned_ns = perf_counter_ns()
    process.turn(FrameKnobs(revision=7, cfg=3.0))
    log.until(lambda: log.frames()[-1].knobs.revision == 7)
    process.abort("j")
    log.end_of("j")
    later = [frame for frame in log.frames() if frame.started_ns > turned_ns + 2_000_000]
    assert {frame.knobs.cfg for frame in later} == {3.0}


def test_only_the_newest_of_many_turns_counts(tone: tuple[EngineProcess, Log]) -> None:
    process, log = tone
    for revision in range(5000):
        process.turn(FrameKnobs(revision=revision))
    process.run(ClipRequest("j", ("x",), (0,), bars=1))
    log.end_of("j")
    assert log.frames()[0].knobs.revision == 4999


def test_abort_ends_a_job_within_a_frame(tone: tuple[EngineProcess, Log]) -> None:
    process, log = tone
    process.run(slow())
    log.until(lambda: len(log.frames()) >= 2)
    before = len(log.frames())
    process.abort("j")
    assert log.end_of("j").state is JobState.CANCELLED
    assert len(log.frames()) <= before + 1
    process.run(ClipRequest("next", ("x",), (0,), bars=1))
    assert log.end_of("next").state is JobState.DONE


def test_a_replayed_performance_ignores_live_knobs(tone: tuple[EngineProcess, Log]) -> None:
    process, log = tone
    initial = {"cfg": 1.0, "temperature": 1.0, "top_k": 50.0, "morph": 0.0}
    script = performance(initial, [(4, "cfg", 2.0), (8, "cfg", 3.0)])
    process.turn(FrameKnobs(cfg=5.0))
    process.run(ClipRequest("j", ("x",), (0,), bars=1, performance=script))
    log.end_of("j")
    assert [frame.knobs.cfg for frame in log.frames()] == [1.0] * 4 + [2.0] * 4 + [3.0] * 8


def test_a_slow_listener_holds_the_engine_back(tone: tuple[EngineProcess, Log]) -> None:
    process, log = tone
    log.gate.clear()
    process.run(ClipRequest("j", ("x",), (0,), bars=16))
    log.until(lambda: bool(log.frames()))
    sleep(0.3)
    assert len(log.frames()) < 32
    log.gate.set()
    assert log.end_of("j").state is JobState.DONE
    assert len(log.frames()) == 256


def test_a_killed_engine_comes_back_and_says_why(tone: tuple[EngineProcess, Log]) -> None:
    process, log = tone
    process.run(slow())
    log.until(lambda: bool(log.frames()))
    assert process.pid is not None
    os.kill(process.pid, signal.SIGKILL)
    log.until(lambda: log.states().count(EngineState.READY) == 2)
    assert EngineState.RESTARTING in log.states()
    reasons = [i[1] for i in log.items if isinstance(i, tuple) and i[0] == "restarting"]
    assert "signal 9" in reasons[0]
    process.run(ClipRequest("next", ("x",), (0,), bars=1))
    assert log.end_of("next").state is JobState.DONE


def test_an_engine_that_cannot_be_had_fails_once_with_the_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))  # where no weights were ever pulled to
    with engine(EngineSpec("heartmula")) as (_, log):
        log.until(lambda: EngineState.FAILED in log.states())
        assert "mula pull heartmula" in next(i[1] for i in log.items if i[0] == "failed")  # type: ignore[index]


def test_a_bad_engine_name_is_answered_with_the_nearest() -> None:
    with engine(EngineSpec("mimi")) as (_, log):
        log.until(lambda: EngineState.FAILED in log.states())
        assert "did you mean mini" in log.items[-1][1]  # type: ignore[index]


def test_stop_leaves_no_process_even_in_the_middle_of_a_job(
    tone: tuple[EngineProcess, Log],
) -> None:
    process, log = tone
    process.run(slow())
    log.until(lambda: bool(log.frames()))
    pid = process.pid
    assert pid is not None
    start = monotonic()
    process.stop()
    assert monotonic() - start < 2.0
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
