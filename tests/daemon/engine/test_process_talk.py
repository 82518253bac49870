"""What the daemon's side says to an engine and makes of its words: a pipe, and no engine."""

from __future__ import annotations

import contextlib
import sys
import threading
from collections.abc import Callable, Iterator
from multiprocessing import Pipe
from time import monotonic
from typing import TypeVar

import pytest

from mula_bridge.control import Task
from mula_bridge.control.messages.states import EngineState, JobState
from mula_daemon.engine import process as process_module
from mula_daemon.engine.messages import (
    Abort,
    Alive,
    Begun,
    Broken,
    Ended,
    EngineSpec,
    Leaving,
    Pace,
    Quit,
    Ready,
    Run,
    Turn,
)
from mula_daemon.engine.process import EngineProcess
from mula_daemon.engine.seam import AudioBlock, ClipRequest, EngineInfo, Frame, FrameKnobs, Timing
from mula_daemon.engine.spare import EngineChild
from support.takes import noise

T = TypeVar("T")
INFO = EngineInfo("tone", "1", 48_000, 2, "cpu", {}, patience_s=7.0)
FRAME = Frame("j", 0, 0, ((1,),), FrameKnobs(), 0)


class Notes:
    """A HostListener that notes what it hears; its first end of a job may fail."""

    def __init__(self, fails: Exception | None = None) -> None:
        self.heard: list[object] = []
        self.fails = fails

    def engine_changed(self, state: EngineState, detail: str, info: EngineInfo | None) -> None:
        self.heard.append((state, detail, info))

    def frame(self, frame: Frame) -> None:
        self.heard.append(frame)

    def audio(self, block: AudioBlock) -> None:
        self.heard.append(len(block.samples))

    def notice(self, notice: object) -> None:
        self.heard.append(notice)

    def timing(self, timing: object) -> None:
        self.heard.append(timing)

    def ended(self, ended: Ended) -> None:
        fails, self.fails = self.fails, None
        if fails is not None:
            raise fails
        self.heard.append(ended)


class Child:
    """A process that only notes what is done to it; it ends when it is killed."""

    pid = 123

    def __init__(self) -> None:
        self.killed = 0
        self.joined: list[float] = []

    def kill(self) -> None:
        self.killed += 1

    def join(self, timeout: float) -> None:
        self.joined.append(timeout)

    def is_alive(self) -> bool:
        return not self.killed

    @property
    def exitcode(self) -> int | None:
        return -9 if self.killed else None


class NoSpare:
    """Has a process that has gone already."""

    def __init__(self) -> None:
        self.kept = 0
        self.child = Child()

    def keep(self) -> None:
        self.kept += 1

    def take(self) -> EngineChild:
        ours, theirs = Pipe()
        theirs.close()
        return EngineChild(self.child, ours)  # type: ignore[arg-type]


@pytest.fixture
def host() -> EngineProcess:
    host = EngineProcess(EngineSpec("tone"))
    host._listener = Notes()
    host._spare = NoSpare()  # type: ignore[assignment]
    host._ready = INFO
    return host


def within(call: Callable[[], T], limit_s: float = 5.0) -> T:
    """What ``call`` returns, which must not wait for ever."""
    got: list[T] = []
    thread = threading.Thread(target=lambda: got.append(call()), daemon=True)
    thread.start()
    thread.join(limit_s)
    assert not thread.is_alive(), f"it waits for more than {limit_s} s"
    return got[0]


def hears(host: EngineProcess, *messages: object) -> object:
    """What ``host`` makes of an engine that says these and is gone."""
    ours, theirs = Pipe()
    for message in messages:
        theirs.send(message)
    theirs.close()
    try:
        return within(lambda: host._listen(ours))
    finally:
        ours.close()


def heard(host: EngineProcess) -> list[object]:
    assert isinstance(host._listener, Notes)
    return host._listener.heard


def clock(monkeypatch: pytest.MonkeyPatch, *times: float) -> None:
    left = iter(times)
    monkeypatch.setattr(process_module, "monotonic", lambda: next(left))


def test_everything_it_says_is_handed_on_in_its_order_until_it_is_gone(host: EngineProcess) -> None:
    ended = Ended("j", JobState.DONE)
    block, timing = AudioBlock("j", 0, noise(9)), Timing("j", 2, 0.2)
    assert hears(host, Ready(INFO), FRAME, block, timing, ended) == ""
    assert heard(host) == [(EngineState.READY, "tone", INFO), FRAME, 9, timing, ended]
    assert host._spare.kept == 1  # type: ignore[attr-defined]


def test_one_that_says_that_it_is_ready_was_fine_from_then_on(host: EngineProcess) -> None:
    hears(host, Begun(), Broken("no memory left"))
    assert not host._was_ready
    hears(host, Begun(), Ready(INFO))
    assert host._was_ready


@pytest.mark.parametrize(
    ("last", "words"),
    [(Broken("no weights"), Broken("no weights")), (Leaving("a CUDA error"), "a CUDA error")],
    ids=["broken", "leaving"],
)
def test_its_last_words_are_its_last(host: EngineProcess, last: object, words: object) -> None:
    assert hears(host, FRAME, last, FRAME) == words
    assert heard(host) == [FRAME]


def test_it_may_start_for_half_an_hour_but_not_wait_and_then_be_silent_for_as_long_as_it_says(
    host: EngineProcess,
) -> None:
    given: list[float] = []

    @contextlib.contextmanager
    def waiting(patience_s: float) -> Iterator[None]:
        given.append(patience_s)
        yield

    host._vigil.waiting = waiting  # type: ignore[method-assign]
    host._ready = None
    hears(host, Alive(), Begun(), Ready(INFO), Alive(), FRAME)
    assert given == [1800.0, 30.0, 1800.0, 7.0, 7.0, 7.0]


@pytest.mark.parametrize(("warm_s", "left"), [(30.0, 2), (60.0, 2), (60.5, 0)])
def test_a_minute_of_warmth_is_as_good_as_a_frame(
    host: EngineProcess, monkeypatch: pytest.MonkeyPatch, warm_s: float, left: int
) -> None:
    clock(monkeypatch, 0.0, 7.0, 7.0 + warm_s)
    host._restarts.in_vain = 2
    hears(host, Ready(INFO), Alive())
    assert host._restarts.in_vain == left


@pytest.mark.parametrize(("words", "left"), [(FRAME, 0), (Ended("j", JobState.FAILED), 2)])
def test_one_frame_makes_it_one_that_works_and_a_failed_job_does_not(
    host: EngineProcess, words: object, left: int
) -> None:
    host._restarts.in_vain = 2
    hears(host, words)
    assert host._restarts.in_vain == left


def test_an_end_that_could_not_be_kept_is_told_as_a_failure() -> None:
    host = EngineProcess(EngineSpec("tone"))
    host._listener = Notes(OSError(28, "disk full"))
    hears(host, Ended("j", JobState.DONE))
    (ended,) = heard(host)
    assert isinstance(ended, Ended)
    assert (ended.job, ended.state) == ("j", JobState.FAILED)
    assert "it could not be kept: OSError(28, 'disk full')" in ended.reason
    assert host.services[0].faults == 1


def test_one_that_was_fine_before_is_tried_again_though_it_says_that_it_cannot_start(
    host: EngineProcess,
) -> None:
    """Memory that the last one still held comes back; on a first start it would not."""
    was_ready = [True, False]

    def live() -> Broken:
        host._was_ready = was_ready.pop(0)
        return Broken("no memory left")

    host._live = live  # type: ignore[method-assign]
    within(host._supervise)
    assert heard(host) == [
        (EngineState.STARTING, "tone", None), (EngineState.RESTARTING, "no memory left", None),
        (EngineState.STARTING, "tone", None), (EngineState.FAILED, "no memory left", None),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("code", "words"),
    [(None, "without an exit code"), (-9, "killed by signal 9"), (-1, "killed by signal 1"),
     (0, "exit code 0"), (1, "exit code 1")],
)  # fmt: skip
def test_an_end_without_a_word_is_told_by_its_code(code: int | None, words: str) -> None:
    assert process_module._exit_words(code) == words


def test_another_one_hears_the_newest_knobs_and_nothing_that_was_meant_for_the_last(
    host: EngineProcess,
) -> None:
    host.turn(FrameKnobs(cfg=3.0))
    host._knobs = None  # the last one has heard them
    host.pace(PACE)
    host.run(REQUEST, INFO)
    host._order(Quit())
    host._vigil.verdict = "it hung"
    assert within(host._live) == "the engine process ended (killed by signal 9)"
    assert host._knobs == FrameKnobs(cfg=3.0)
    assert (list(host._orders), host._pace) == ([Quit()], None)
    assert host._connection is None
    child = host._spare.child  # type: ignore[attr-defined]
    assert (child.killed, child.joined) == (1, [2.0, 1.0])  # for it would not go by itself
    assert host.pid is None
    host.run(REQUEST, INFO)  # by whoever has not heard of the end yet
    assert list(host._orders) == [Quit()]


@pytest.mark.parametrize(
    ("words", "verdict", "told"),
    [
        ("a CUDA error", "it hung", "the engine process ended (a CUDA error)"),
        ("", "it hung", "the engine process ended (it hung)"),
        (Broken("no weights"), "it hung", Broken("no weights")),
    ],
    ids=["own", "vigil", "broken"],
)
def test_its_own_words_say_best_why_it_ended(
    host: EngineProcess, words: Broken | str, verdict: str, told: Broken | str
) -> None:
    def listen(ours: object) -> Broken | str:
        host._vigil.verdict = verdict
        return words

    host._listen = listen  # type: ignore[method-assign]
    assert within(host._live) == told


def test_one_that_is_had_after_the_end_is_ended_at_once(host: EngineProcess) -> None:
    child = host._spare.child  # type: ignore[attr-defined]
    killed: list[int] = []

    def listen(ours: object) -> str:
        killed.append(child.killed)
        return ""

    host._listen = listen  # type: ignore[method-assign]
    host._stopping.set()
    within(host._live)
    assert killed == [1]


# --- what is said to it -----------------------------------------------------------------------

PACE = Pace("j", 0, 1)
REQUEST = ClipRequest("j", ("x",), (0,))


@pytest.mark.parametrize(
    ("say", "messages"),
    [
        (lambda host: host.turn(FrameKnobs(cfg=3.0)), [Turn(FrameKnobs(cfg=3.0))]),
        (lambda host: host.pace(PACE), [PACE]),
        (lambda host: host.run(REQUEST, INFO), [Run(REQUEST)]),
        (lambda host: host.abort("j"), [Abort("j")]),
        (lambda host: (host.run(REQUEST, INFO), host.pace(PACE), host.turn(FrameKnobs(cfg=3.0))),
         [Turn(FrameKnobs(cfg=3.0)), PACE, Run(REQUEST)]),
    ],
    ids=["turn", "pace", "run", "abort", "all"],
)  # fmt: skip
def test_what_is_new_is_said_once_and_an_order_after_the_knobs_it_was_given_with(
    host: EngineProcess, say: Callable[[EngineProcess], object], messages: list[object]
) -> None:
    ours, theirs = Pipe()
    host._connection = ours
    say(host)
    assert within(host._due) == (ours, messages)
    assert (host._knobs, host._pace, list(host._orders)) == (None, None, [])
    theirs.close()


@pytest.mark.parametrize("connected", [False, True])
def test_who_writes_waits_for_somebody_who_hears_and_for_something_to_say(
    host: EngineProcess, connected: bool
) -> None:
    ours, theirs = Pipe()
    with ours, theirs:
        if connected:
            host._connection = ours
        else:
            host._order(Quit())
        said: list[object] = []
        writer = threading.Thread(target=lambda: said.append(host._due()), daemon=True)
        writer.start()
        writer.join(0.2)
        assert writer.is_alive()
        with host._wake:
            host._connection = ours
        host._order(Quit())
        writer.join(5.0)
        assert said == [(ours, [Quit()])]


def test_who_leaves_waits_for_nothing_and_says_what_is_left(host: EngineProcess) -> None:
    host._stopping.set()
    assert within(host._due) is None
    host.turn(FrameKnobs())
    assert within(host._due) is None  # nobody is there to hear it
    host._connection, theirs = Pipe()
    host._order(Quit())
    assert within(host._due) == (host._connection, [Quit()])
    assert within(host._due) is None
    theirs.close()


def test_only_the_process_that_did_not_get_what_it_was_sent_is_ended(host: EngineProcess) -> None:
    host._kill()  # there is none
    assert host.pid is None
    child = Child()
    former, gone = Pipe()
    host._connection, theirs = Pipe()
    host._child = EngineChild(child, host._connection)  # type: ignore[arg-type]
    assert host.pid == 123
    host._cut_off(former)
    assert child.killed == 0
    host._cut_off(host._connection)
    assert child.killed == 1
    for end in (former, gone, theirs):
        end.close()


@pytest.mark.parametrize("broken", [True, False], ids=["pipe", "message"])
def test_what_cannot_be_sent_ends_it_and_is_told_where_that_is_a_bug(
    host: EngineProcess, broken: bool
) -> None:
    host._connection, theirs = Pipe()
    child = Child()
    host._child = EngineChild(child, host._connection)  # type: ignore[arg-type]
    host._stopping.set()
    if broken:
        theirs.close()
        host.run(REQUEST, INFO)
    else:
        host.run(lambda: None, INFO)  # type: ignore[arg-type]
    within(host._write)
    assert child.killed == 1
    assert host.services[1].faults == (0 if broken else 1)
    theirs.close()


# --- how it ends ------------------------------------------------------------------------------


class Undying(Child):
    """One that a driver holds: to kill it changes nothing."""

    def is_alive(self) -> bool:
        return True

    @property
    def exitcode(self) -> int | None:
        return None


@pytest.fixture
def stuck(host: EngineProcess, monkeypatch: pytest.MonkeyPatch) -> Iterator[EngineProcess]:
    """A host of a process that neither says anything nor reads, and cannot be ended."""
    monkeypatch.setattr(process_module, "EXIT_S", 0.01)
    ours, theirs = Pipe()
    child = EngineChild(Undying(), ours)  # type: ignore[arg-type]
    host._spare.take = lambda: child  # type: ignore[method-assign]
    yield host
    theirs.close()


def test_one_that_cannot_even_be_killed_is_left_to_itself(stuck: EngineProcess) -> None:
    stuck._vigil.waiting = hung(stuck)  # type: ignore[method-assign]
    assert "it hung: no sign of it for 0 s" in str(within(stuck._live))
    assert stuck.pid is None


def hung(host: EngineProcess) -> Callable[[float], contextlib.AbstractContextManager[None]]:
    """The vigil's wait for an engine that has been silent for too long already."""

    @contextlib.contextmanager
    def waiting(patience_s: float) -> Iterator[None]:
        host._vigil._patience_s, host._vigil._silent_s = 0.0, patience_s
        host._vigil.look()
        yield

    return waiting


@pytest.mark.skipif(sys.platform == "win32", reason="a pipe there cannot be hung up")
def test_who_writes_to_one_that_cannot_be_killed_is_let_go(stuck: EngineProcess) -> None:
    full = threading.Event()

    def listen(ours: object) -> str:
        stuck._writer.start()
        stuck.run(ClipRequest("j", ("x" * 10_000_000,), (0,)), INFO)
        full.wait(0.2)  # it is in the middle of what does not fit
        return "a driver"

    stuck._listen = listen  # type: ignore[method-assign]
    within(stuck._live)
    stuck._stopping.set()
    with stuck._wake:
        stuck._wake.notify_all()
    stuck._writer.stop(5.0)
    assert not stuck._writer.alive
    assert stuck._writer.faults == 0


def test_what_cannot_be_read_ends_it_since_it_may_have_been_the_end_of_a_job(
    host: EngineProcess,
) -> None:
    ours, theirs = Pipe()
    theirs.send(FRAME)
    theirs.send_bytes(b"no pickle")
    theirs.send(FRAME)
    assert "what it said could not be read: UnpicklingError" in str(
        within(lambda: host._listen(ours))
    )
    assert heard(host) == [FRAME]
    assert host.services[0].faults == 1
    for end in (ours, theirs):
        end.close()


def test_what_is_asked_of_an_engine_that_is_gone_is_not_done_by_the_next(
    host: EngineProcess,
) -> None:
    """Nor by the next where that is ready already, and whoever asks has not heard of it."""
    host._ready = EngineInfo("tone", "1", 48_000, 2, "cpu", {}, patience_s=7.0)
    host.run(REQUEST, INFO)
    assert not host._orders
    host.run(REQUEST, host._ready)
    assert list(host._orders) == [Run(REQUEST)]


@pytest.mark.parametrize(("given", "waits"), [((), 1.5), ((0.25,), 0.25)], ids=["default", "given"])
def test_an_engine_that_is_to_leave_is_given_a_while_and_then_ended(
    host: EngineProcess, given: tuple[float, ...], waits: float
) -> None:
    child, dropped = Child(), []
    host._spare.drop = lambda: dropped.append(child.killed)  # type: ignore[attr-defined]
    ours, theirs = Pipe()
    host._child = EngineChild(child, ours)  # type: ignore[arg-type]
    host.stop(*given)
    assert (child.joined, child.killed) == ([waits], 1)
    assert dropped == [1]
    assert list(host._orders) == [Quit()]
    for end in (ours, theirs):
        end.close()


def test_the_end_has_a_limit_as_a_whole_however_many_threads_are_stuck(
    host: EngineProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process_module, "EXIT_S", 0.3)
    over = threading.Event()
    host._spare.drop = lambda: None  # type: ignore[attr-defined]
    host.services = stuck = [Task(f"stuck {number}", over.wait) for number in range(3)]
    for service in stuck:
        service.start()
    begun = monotonic()
    host.stop(0.0)
    took = monotonic() - begun
    over.set()
    assert 0.3 <= took < 0.6  # two of them one after another
