"""When frames of live play begin: by the sound that was made, or by the clock. And what ends an
engine."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from time import perf_counter_ns

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mula_bridge.control.messages.states import JobState
from mula_bridge.errors import BadInput
from mula_daemon.engine import worker
from mula_daemon.engine.messages import Abort, Alive, Ended, EngineSpec, Pace, Run, Turn
from mula_daemon.engine.seam import ClipRequest, EngineInfo, Frame, FrameKnobs, Timing
from mula_daemon.engine.worker import LivePacer, NoDaemon, Orders, _serve

RATE = 48_000
BEAT = EngineInfo("beat", "1", RATE, 2, "cpu", {}, frames_per_beat=4)
CLOCK = EngineInfo("clock", "1", RATE, 2, "cpu", {}, frame_seconds=0.02, delay_seconds=0.2)


def begun_ms(engine: EngineInfo, frames: int, block: int, blocks_behind: int) -> list[float]:
    """When each frame began, after the first one was due; sound comes ``blocks_behind`` later."""
    near, far = Pipe()
    pacer = LivePacer("live", engine, Orders(near))
    start = perf_counter_ns()
    far.send(Turn(FrameKnobs(cfg=3.0)))
    far.send(Pace("live", 0, start))
    began = []
    for frame in range(frames):
        assert pacer.knobs().cfg == 3.0
        began.append((perf_counter_ns() - start) / 1e6)
        if frame >= blocks_behind:
            pacer.add(block)
    return began


@pytest.mark.parametrize(("engine", "behind"), [(BEAT, 0), (CLOCK, 0), (CLOCK, 5)])
def test_frames_begin_when_they_are_due_however_far_the_sound_is_behind(
    engine: EngineInfo, behind: int
) -> None:
    began = begun_ms(engine, 10, 960, behind)
    for frame, at in enumerate(began):
        assert at >= 20 * frame
    # Nobody waits for sound that has not come: a busy machine is late, but not by as much.
    assert began[-1] < 20 * 9 + 100


FRAME_NS = 20_000_000


class Clock:
    """Orders of a machine where time passes by waiting, and by working, alone."""

    def __init__(self, pace: Pace) -> None:
        self.newest = pace
        self.now_ns = 0
        self.turned = 0

    def aborted(self, job: str) -> bool:
        return False

    def pace(self, job: str) -> Pace | None:
        return self.newest

    def read(self, timeout: float | None) -> None:
        assert timeout is not None
        self.now_ns += max(1, round(timeout * 1e9))

    def knobs(self) -> FrameKnobs:
        """Which are others at every moment."""
        self.turned += 1
        return FrameKnobs(revision=self.turned)


@given(
    bursts=st.lists(
        st.tuples(st.integers(1, 9), st.lists(st.integers(0, 60_000_000), min_size=9, max_size=9)),
        min_size=1,
        max_size=12,
    ),
    moves=st.dictionaries(st.integers(0, 11), st.integers(-200_000_000, 200_000_000)),
)
def test_no_frame_is_made_before_its_burst_is_due_nor_later_than_it_has_to_be(
    bursts: list[tuple[int, list[int]]], moves: dict[int, int]
) -> None:
    """Whatever frames take, however long bursts come to be, and wherever their time is moved to."""
    clock = Clock(Pace("live", 0, 0))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(worker, "perf_counter_ns", lambda: clock.now_ns)
        pacer = LivePacer("live", replace(CLOCK, burst_frames=bursts[0][0]), clock)  # type: ignore[arg-type]
        index = revision = 0
        for number, (length, works_ns) in enumerate(bursts):
            pacer.keep_to(Timing("live", length, 0.1))
            due_ns = index * FRAME_NS + clock.newest.due_ns + moves.get(number, 0)
            clock.newest = Pace("live", 0, clock.newest.due_ns + moves.get(number, 0))
            for work_ns in works_ns[:length]:
                free_ns = clock.now_ns
                assert pacer.knobs().revision == revision + 1  # the newest, at every frame
                assert clock.now_ns == pytest.approx(max(due_ns, free_ns), abs=1000)
                assert clock.now_ns >= due_ns
                clock.now_ns += work_ns
                index, revision = index + 1, revision + 1


def test_an_aborted_job_waits_no_longer() -> None:
    near, far = Pipe()
    pacer = LivePacer("live", CLOCK, Orders(near))
    far.send(Pace("live", 0, perf_counter_ns() + 60_000_000_000))
    far.send(Abort("live"))
    pacer.knobs()


class Frail:
    """An engine of one frame per job, which first raises what the job's lyrics are a key of."""

    def __init__(self, errors: dict[str, Exception], *, probe: Exception | None = None) -> None:
        self.info = BEAT
        self.errors, self.probe = errors, probe
        self.probes = 0

    def warm_up(self) -> None:
        """Nothing to load."""

    def generate(self, clip: ClipRequest, knobs: Callable[[], FrameKnobs]) -> Iterator[Frame]:
        if clip is worker.PROBE:
            self.probes += 1
            if self.probe is not None:
                raise self.probe
        elif clip.lyrics in self.errors:
            raise self.errors[clip.lyrics]
        codes = (lambda: None) if clip.lyrics == "unsayable" else ((0,),)
        yield Frame(clip.job, 0, 1, codes, knobs(), 0)  # type: ignore[arg-type]


def test_an_engine_that_failed_ahead_of_time_is_built_again_when_it_is_needed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    failures = iter([MemoryError("while the other one was starting")])

    def build(spec: EngineSpec) -> Frail:
        for failure in failures:
            raise failure
        return Frail({})

    monkeypatch.setattr(worker, "build", build)
    assert worker._ahead(EngineSpec("mini")) is None
    assert isinstance(worker._ahead(EngineSpec("mini")), Frail)


def test_a_large_engine_is_never_built_ahead(monkeypatch: pytest.MonkeyPatch) -> None:
    built: list[EngineSpec] = []
    monkeypatch.setattr(worker, "build", built.append)
    assert worker._ahead(EngineSpec("heartmula")) is None
    assert built == []


ERRORS = {
    "bug": RuntimeError("?"),
    "memory": MemoryError("20 GiB"),
    "short file": EOFError("?"),
    "disk": OSError(5, "input/output error"),
    "broken pipe": BrokenPipeError("of ours"),
    "wrong": BadInput("nothing is called that"),
}


def served(engine: Frail, *jobs: str) -> tuple[str, list[Ended]]:
    """Why the engine ended, and what became of jobs with these lyrics."""
    near, far = Pipe()
    for number, lyrics in enumerate(jobs):
        far.send(Run(ClipRequest(str(number), (), (0,), lyrics=lyrics)))
    orders = Orders(near)
    end = _serve(Quitting(orders, len(jobs)), engine)  # type: ignore[arg-type]
    return end, [item for item in _all(far) if isinstance(item, Ended)]


class Quitting:
    """Orders that end after so many jobs."""

    def __init__(self, orders: Orders, jobs: int) -> None:
        self._orders, self._left = orders, jobs

    def next_job(self) -> ClipRequest | None:
        self._left -= 1
        return self._orders.next_job() if self._left >= 0 else None

    def __getattr__(self, name: str) -> object:
        return getattr(self._orders, name)


def _all(far: Connection) -> Iterator[object]:
    while far.poll(0):
        yield far.recv()


@pytest.mark.parametrize("kind", [*ERRORS, "unsayable"])
def test_a_job_that_fails_ends_neither_the_engine_nor_the_next_job(kind: str) -> None:
    engine = Frail(ERRORS)
    end, ended = served(engine, kind, "fine", kind, "fine")
    assert [each.state for each in ended] == [JobState.FAILED, JobState.DONE] * 2
    assert all(each.reason for each in ended[::2])
    assert end == "as it was told to"
    assert engine.probes == (0 if kind == "wrong" else 2)


def test_an_engine_whose_probe_fails_leaves_after_it_has_ended_the_job() -> None:
    end, ended = served(Frail(ERRORS, probe=RuntimeError("CUDA error")), "bug", "fine")
    assert end == "the engine could not go on after RuntimeError: ?"
    assert [each.state for each in ended] == [JobState.FAILED]


def test_a_bad_request_again_and_again_is_no_fault_of_the_engine() -> None:
    end, ended = served(Frail(ERRORS, probe=RuntimeError("?")), *["wrong"] * 5)
    assert (end, len(ended)) == ("as it was told to", 5)


def test_no_memory_says_what_to_do() -> None:
    _, (ended,) = served(Frail(ERRORS), "memory")
    assert ended.reason == (
        "out of memory: take fewer takes or bars, or close other programs (MemoryError: 20 GiB)"
    )


def test_a_terminal_that_is_gone_does_not_end_the_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    class Gone:
        def write(self, text: str) -> int:
            raise OSError(5, "input/output error")

    monkeypatch.setattr(sys, "stderr", Gone())
    _, ended = served(Frail(ERRORS), "bug", "fine")
    assert [each.state for each in ended] == [JobState.FAILED, JobState.DONE]


def test_a_daemon_that_is_gone_is_told_apart_from_an_engines_own_trouble() -> None:
    near, far = Pipe()
    far.close()
    orders = Orders(near)
    with pytest.raises(NoDaemon):
        orders.send(Alive())
    with pytest.raises(NoDaemon):
        orders.read(0)


def test_an_engine_that_waits_says_that_it_is_alive(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "ALIVE_S", 0.01)
    near, far = Pipe()
    Orders(near).read(0.1)
    signs = list(_all(far))
    assert 2 <= len(signs) <= 10
    assert set(map(type, signs)) == {Alive}


def test_a_job_is_not_stopped_by_what_was_said_to_another_one_of_its_name() -> None:
    near, far = Pipe()
    orders = Orders(near)
    request = ClipRequest("mine", (), (0,))
    far.send(Abort("mine"))
    far.send(Run(replace(request, lyrics="again")))
    orders.read(0)
    assert not orders.aborted("mine")
    far.send(Abort("mine"))
    orders.read(0)
    assert orders.aborted("mine")
