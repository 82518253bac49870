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
from mula_daemon.engine import restarts, spare, tone_faults, vigil
from mula_daemon.engine.messages import Ended, EngineSpec
from mula_daemon.engine.process import EngineProcess
from mula_daemon.engine.seam import AudioBlock, ClipRequest, EngineInfo, Frame, FrameKnobs, Timing


class Log:
    """A HostListener that remembers; ``gate`` closed holds the reader back in ``audio``.

    ``raises`` are errors for the next call of a kind, once each.
    """

    def __init__(self) -> None:
        self.items: list[object] = []
        self.gate = threading.Event()
        self.gate.set()
        self.holding = False
        """Whether sound waits at the gate."""
        self.raises: dict[str, Exception] = {}
        self._news = threading.Condition()

    def engine_changed(self, state: EngineState, detail: str, info: EngineInfo | None) -> None:
        self._add((state, detail, info))
        self._may_raise(state)

    def frame(self, frame: Frame) -> None:
        self._add(frame)
        self._may_raise("frame")

    def audio(self, block: AudioBlock) -> None:
        if not self.gate.is_set():
            with self._news:
                self.holding = True
                self._news.notify_all()
            self.gate.wait()
            self.holding = False
        self._add(block)
        self._may_raise("audio")

    def notice(self, notice: Notice) -> None:
        self._add(notice)

    def timing(self, timing: Timing) -> None:
        self._add(timing)

    def ended(self, ended: Ended) -> None:
        self._may_raise("ended")
        self._add(ended)

    def _may_raise(self, at: str) -> None:
        error = self.raises.pop(at, None)
        if error is not None:
            raise error

    def _add(self, item: object) -> None:
        with self._news:
            self.items.append(item)
            self._news.notify_all()

    def frames(self) -> list[Frame]:
        return [item for item in list(self.items) if isinstance(item, Frame)]

    def states(self) -> list[EngineState]:
        return [item[0] for item in list(self.items) if isinstance(item, tuple)]

    @property
    def engine(self) -> EngineInfo:
        """The one that was ready last."""
        infos = [item[2] for item in list(self.items) if isinstance(item, tuple) and item[2]]
        return infos[-1]

    def words(self, state: EngineState) -> list[str]:
        """What was said with each change to ``state``."""
        return [i[1] for i in list(self.items) if isinstance(i, tuple) and i[0] is state]

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
def faulty(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[EngineProcess, Log]]:
    """A tone engine that plays faults, see tone_faults.py."""
    monkeypatch.setenv(tone_faults.VARIABLE, "by lyrics")
    with engine(EngineSpec("tone")) as (process, log):
        log.until(lambda: EngineState.READY in log.states())
        yield process, log


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
    process.run(request, log.engine)
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
    process.run(slow(), log.engine)
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
    process.run(ClipRequest("j", ("x",), (0,), bars=1), log.engine)
    log.end_of("j")
    assert log.frames()[0].knobs.revision == 4999


def test_abort_ends_a_job_within_a_frame(tone: tuple[EngineProcess, Log]) -> None:
    process, log = tone
    process.run(slow(), log.engine)
    log.until(lambda: len(log.frames()) >= 2)
    before = len(log.frames())
    process.abort("j")
    assert log.end_of("j").state is JobState.CANCELLED
    assert len(log.frames()) <= before + 1
    process.run(ClipRequest("next", ("x",), (0,), bars=1), log.engine)
    assert log.end_of("next").state is JobState.DONE


def test_a_replayed_performance_ignores_live_knobs(tone: tuple[EngineProcess, Log]) -> None:
    process, log = tone
    initial = {"cfg": 1.0, "temperature": 1.0, "top_k": 50.0, "morph": 0.0}
    script = performance(initial, [(4, "cfg", 2.0), (8, "cfg", 3.0)])
    process.turn(FrameKnobs(cfg=5.0))
    process.run(ClipRequest("j", ("x",), (0,), bars=1, performance=script), log.engine)
    log.end_of("j")
    assert [frame.knobs.cfg for frame in log.frames()] == [1.0] * 4 + [2.0] * 4 + [3.0] * 8


def test_a_slow_listener_holds_the_engine_back(tone: tuple[EngineProcess, Log]) -> None:
    process, log = tone
    log.gate.clear()
    process.run(ClipRequest("j", ("x",), (0,), bars=16), log.engine)
    log.until(lambda: bool(log.frames()))
    sleep(0.3)
    assert len(log.frames()) < 32
    log.gate.set()
    assert log.end_of("j").state is JobState.DONE
    assert len(log.frames()) == 256


def test_a_killed_engine_comes_back_and_says_why(tone: tuple[EngineProcess, Log]) -> None:
    process, log = tone
    process.run(slow(), log.engine)
    log.until(lambda: bool(log.frames()))
    assert process.pid is not None
    os.kill(process.pid, signal.SIGKILL)
    log.until(lambda: log.states().count(EngineState.READY) == 2)
    assert EngineState.RESTARTING in log.states()
    reasons = [i[1] for i in log.items if isinstance(i, tuple) and i[0] == "restarting"]
    assert "signal 9" in reasons[0]
    process.run(ClipRequest("next", ("x",), (0,), bars=1), log.engine)
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
    process.run(slow(), log.engine)
    log.until(lambda: bool(log.frames()))
    pid = process.pid
    assert pid is not None
    start = monotonic()
    process.stop()
    assert monotonic() - start < 2.0
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_stop_ends_an_engine_that_does_not_answer(tone: tuple[EngineProcess, Log]) -> None:
    process, _ = tone
    pid = process.pid
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    process.stop(0.1)
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    assert not any(service.alive for service in process.services)


def fault(kind: str, job: str = "bad") -> ClipRequest:
    return ClipRequest(job, ("x",), (0,), bars=1, lyrics=f"fault: {kind}")


def works(process: EngineProcess, log: Log, job: str) -> None:
    """The engine makes a whole clip."""
    process.run(ClipRequest(job, ("x",), (0,), bars=1), log.engine)
    assert log.end_of(job).state is JobState.DONE
    assert len([frame for frame in log.frames() if frame.job == job]) == 16


def test_an_engine_that_can_never_work_again_is_replaced(
    faulty: tuple[EngineProcess, Log],
) -> None:
    process, log = faulty
    pid = process.pid
    process.run(fault("sticky"), log.engine)
    ended = log.end_of("bad")
    assert (ended.state, ended.reason[:24]) == (JobState.FAILED, "RuntimeError: CUDA error")
    log.until(lambda: log.states().count(EngineState.READY) == 2)
    assert "could not go on after RuntimeError: CUDA error" in log.words(EngineState.RESTARTING)[0]
    assert process.pid != pid
    works(process, log, "next")


@pytest.mark.parametrize(
    ("kind", "words"),
    [("once", "a bug"), ("memory", "out of memory: take fewer"), ("pipe", "ends too soon")],
)
def test_an_engine_that_failed_once_and_works_stays(
    faulty: tuple[EngineProcess, Log], kind: str, words: str
) -> None:
    process, log = faulty
    pid = process.pid
    process.run(fault(kind), log.engine)
    assert words in log.end_of("bad").reason
    works(process, log, "next")
    assert process.pid == pid


def test_an_engine_that_fails_one_job_after_another_is_replaced_though_it_says_it_works(
    faulty: tuple[EngineProcess, Log],
) -> None:
    process, log = faulty
    process.run(fault("once", "one"), log.engine)
    process.run(fault("once", "two"), log.engine)
    assert log.end_of("two").state is JobState.FAILED
    log.until(lambda: log.states().count(EngineState.READY) == 2)
    works(process, log, "next")


def test_an_engine_that_hangs_is_ended_and_replaced(
    faulty: tuple[EngineProcess, Log], monkeypatch: pytest.MonkeyPatch
) -> None:
    process, log = faulty
    monkeypatch.setattr(vigil, "SLICE_S", 10.0)  # so that one look is as long as its patience
    process.run(fault("hang"), log.engine)
    log.until(lambda: len(log.frames()) == tone_faults.FRAME)
    for _ in range(2):
        process.services[2].look()  # type: ignore[attr-defined]
    log.until(lambda: log.states().count(EngineState.READY) == 2)
    assert "it hung: no sign of it for 10 s" in log.words(EngineState.RESTARTING)[0]
    works(process, log, "next")


def test_an_engine_that_waits_or_is_held_back_does_not_hang(
    tone: tuple[EngineProcess, Log], monkeypatch: pytest.MonkeyPatch
) -> None:
    process, log = tone
    pid = process.pid
    log.gate.clear()
    process.run(ClipRequest("j", ("x",), (0,), bars=16), log.engine)
    log.until(lambda: log.holding)  # before that, the engine would be waited for indeed
    monkeypatch.setattr(vigil, "SLICE_S", 10.0)
    for _ in range(5):
        process.services[2].look()  # type: ignore[attr-defined]
    monkeypatch.undo()
    log.gate.set()
    assert log.end_of("j").state is JobState.DONE
    assert process.pid == pid


def test_an_engine_that_keeps_dying_rests_longer_and_longer_and_says_for_how_long(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(tone_faults.VARIABLE, "start")
    monkeypatch.setattr(restarts, "FIRST_REST_S", 0.05)
    with engine(EngineSpec("tone")) as (process, log):
        log.until(lambda: log.states().count(EngineState.RESTING) == 1)
        assert log.states() == ["starting", "restarting", "starting", "restarting", "starting",
                                "resting"]  # fmt: skip
        (words,) = log.words(EngineState.RESTING)
        assert "no start, as MULA_TONE_FAULTS asks for" in words
        assert "it failed 3 times in a row. Next try in 0.05 s; mula doctor" in words
        log.until(lambda: log.states().count(EngineState.RESTING) == 2)
        assert "4 times in a row. Next try in 0.1 s" in log.words(EngineState.RESTING)[1]
        monkeypatch.delenv(tone_faults.VARIABLE)
        log.until(lambda: EngineState.READY in log.states())
        works(process, log, "next")


@pytest.mark.parametrize(
    ("at", "error"),
    [
        ("starting", ValueError("?")),
        ("ready", OSError(28, "disk full")),
        ("frame", OSError(28, "disk full")),
        ("audio", EOFError("?")),
        ("ended", OSError(28, "disk full")),
        ("restarting", ValueError("?")),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_a_listener_that_raises_costs_one_item_and_no_engine(at: str, error: Exception) -> None:
    process, log = EngineProcess(EngineSpec("tone")), Log()
    told: list[str] = []
    for service in process.services:
        service.on_fault = lambda service, what, error: told.append(f"{service.name}: {what}")
    log.raises[at] = error
    process.start(log)
    try:
        log.until(lambda: EngineState.READY in log.states())
        process.run(ClipRequest("j", ("x",), (0,), bars=1), log.engine)
        ended = log.end_of("j")
        assert ended.state is (JobState.FAILED if at == "ended" else JobState.DONE)
        assert log.states().count(EngineState.STARTING) == 1
        if at == "restarting":
            assert process.pid is not None
            os.kill(process.pid, signal.SIGKILL)
            log.until(lambda: log.states().count(EngineState.READY) == 2)
        works(process, log, "next")
        assert len(told) == 1
        assert told[0].startswith("engine-reader: ")
    finally:
        process.stop()


def test_a_process_that_cannot_be_started_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    real, tries = spare.multiprocessing.get_context, []

    def get_context(kind: str) -> object:
        tries.append(kind)
        if len(tries) == 1:
            raise OSError(11, "no more processes")
        return real(kind)

    monkeypatch.setattr(spare.multiprocessing, "get_context", get_context)
    with engine(EngineSpec("tone")) as (process, log):
        log.until(lambda: EngineState.READY in log.states())
        assert "no more processes" in log.words(EngineState.RESTARTING)[0]
        works(process, log, "next")


def test_what_cannot_be_sent_ends_the_engine_rather_than_leaving_a_job_without_an_end(
    tone: tuple[EngineProcess, Log],
) -> None:
    process, log = tone
    process.run(lambda: None, log.engine)  # type: ignore[arg-type]
    log.until(lambda: log.states().count(EngineState.READY) == 2)
    works(process, log, "next")


def test_the_same_abort_waits_once_however_often_it_is_said() -> None:
    process = EngineProcess(EngineSpec("tone"))
    for _ in range(1000):
        process.abort("j")
    assert len(process._orders) == 1


class Killing(Log):
    """A Log that kills the engine when it hears the ``nth`` item of a kind."""

    def __init__(self, process: EngineProcess, at: str, nth: int) -> None:
        super().__init__()
        self.process, self.at, self.left = process, at, nth

    def _may_raise(self, at: str) -> None:
        self.left -= at == self.at
        if self.left == 0:
            self.left = -1
            assert self.process.pid is not None
            os.kill(self.process.pid, signal.SIGKILL)


@pytest.mark.parametrize(
    ("at", "nth", "bars", "lost"),
    [
        ("ready", 1, 1, False),  # before it is asked for anything
        ("frame", 1, 1, True),  # as soon as it has read its prompt
        ("audio", 7, 4, True),
        ("frame", 9, 400, True),  # while it writes: what it made since does not fit the pipe
        ("ended", 1, 1, False),
    ],
)
def test_an_engine_killed_at_any_moment_loses_no_job_in_silence(
    at: str, nth: int, bars: int, lost: bool
) -> None:
    process = EngineProcess(EngineSpec("tone"))
    log = Killing(process, at, nth)
    process.start(log)
    try:
        log.until(lambda: EngineState.READY in log.states())
        if at == "ready":
            log.until(lambda: log.states().count(EngineState.READY) == 2)
        process.run(ClipRequest("j", ("x",), (0,), bars=bars), log.engine)
        if lost:
            log.until(lambda: EngineState.RESTARTING in log.states())
            assert "signal 9" in log.words(EngineState.RESTARTING)[0]
            assert not [item for item in log.items if isinstance(item, Ended)]
        else:
            assert log.end_of("j").state is JobState.DONE
        log.until(lambda: log.states().count(EngineState.READY) == 2)
        works(process, log, "next")
    finally:
        process.stop()


@pytest.mark.parametrize("after_s", [0.0, 0.05, 0.2])
def test_an_engine_killed_while_it_starts_is_started_again(after_s: float) -> None:
    process, log = EngineProcess(EngineSpec("tone")), Log()
    process.start(log)
    try:
        while process.pid is None:
            sleep(0.001)
        sleep(after_s)
        os.kill(process.pid, signal.SIGKILL)
        log.until(lambda: EngineState.READY in log.states())
        assert EngineState.RESTARTING in log.states()
        works(process, log, "next")
    finally:
        process.stop()


def test_stop_leaves_no_process_even_while_one_is_being_started() -> None:
    for delay in (0.0, 0.01, 0.05):
        process, log = EngineProcess(EngineSpec("tone")), Log()
        process.start(log)
        sleep(delay)
        process.stop()
        if process.pid is not None:
            with pytest.raises(ProcessLookupError):
                os.kill(process.pid, 0)
