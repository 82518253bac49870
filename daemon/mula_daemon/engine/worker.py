"""The engine process: one thread that owns the model and answers one connection.

Between frames it reads whatever has arrived, so knobs and cancels need no second
thread that would fight the model for the interpreter lock.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import os
import signal
import traceback
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import replace
from functools import partial
from multiprocessing.connection import Connection
from time import perf_counter, perf_counter_ns
from typing import Final

from mula_bridge.control.messages import JobState
from mula_bridge.errors import MulaError
from mula_bridge.net import behind_others, call_process, hurry, relax
from mula_bridge.speech import unfailing
from mula_daemon.engine.engines import build, is_small, libraries
from mula_daemon.engine.messages import (
    Abort,
    Alive,
    Begin,
    Begun,
    Broken,
    Ended,
    EngineSpec,
    FromEngine,
    Leaving,
    Pace,
    Quit,
    Ready,
    Run,
    ToEngine,
    Turn,
)
from mula_daemon.engine.phase_lock import PhaseLock
from mula_daemon.engine.seam import (
    AudioBlock,
    ClipRequest,
    Engine,
    EngineInfo,
    Frame,
    FrameKnobs,
    Item,
    Timing,
)

ALIVE_S: Final = 2.0
"""How often an engine that waits says that it is there."""
PROBE: Final = ClipRequest("probe", (), (0,), bars=1)
"""What an engine makes a frame of to see whether it still can."""


@unfailing()
def main(connection: Connection, spec: EngineSpec, spare: bool) -> None:
    """Run an engine until the daemon says Quit or goes away, or until it can work no more. The
    process's first thread, and the only one of ours.

    A ``spare`` reads its libraries while another engine plays, and must not be heard.
    """
    # Control-C in a terminal goes to the whole process group; the daemon decides when we stop.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with contextlib.suppress(NoDaemon):
        inbox = Orders(connection)
        call_process("mula-spare")
        read = partial(_read, libraries(spec))
        # What a library begins threads for while it is read stays behind, too: of those that are
        # read here that is scipy's BLAS, which no engine uses.
        behind_others(read) if spare else read()
        built = _ahead(spec)
        if inbox.wait_to_begin():
            call_process("mula-engine")
            inbox.send(_work(inbox, built or _build(spec)))
    # A daemon that died leaves nobody to report to, and torch's exit can be slow.
    os._exit(0)


def _read(libraries: Sequence[str]) -> None:
    for library in libraries:
        with contextlib.suppress(Exception):  # who builds the engine says what is wrong
            importlib.import_module(library)


def _ahead(spec: EngineSpec) -> Engine | None:
    """A warm engine before it is needed; None for one too large, and for one that failed: that
    may work later, with the memory of the one before it free again."""
    built = _build(spec) if is_small(spec) else None
    return None if isinstance(built, Leaving | Broken) else built


def _build(spec: EngineSpec) -> Engine | Leaving | Broken:
    """A warm engine, or why there is none."""
    try:
        engine = build(spec)
        engine.warm_up()
    except (MulaError, ImportError) as error:
        return Broken(str(error))
    except Exception as error:  # a driver, or memory: the next process may have more luck
        return Leaving(f"it did not start: {_words(error)}")
    return engine


def _work(inbox: Orders, engine: Engine | Leaving | Broken) -> Leaving | Broken:
    """Serve; the last words. Raises NoDaemon."""
    if isinstance(engine, Leaving | Broken):
        return engine
    inbox.send(Ready(engine.info))
    return Leaving(_serve(inbox, engine))


class NoDaemon(Exception):
    """The daemon is not there any more. Engines raise what looks like it, so it has a name."""


class Orders:
    """What has arrived on the connection, newest knobs apart from the rest."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._jobs: deque[ClipRequest] = deque()
        self._aborted: set[str] = set()
        self._knobs = FrameKnobs()
        self._pace: Pace | None = None
        self.quit = False

    def wait_to_begin(self) -> bool:
        """Whether the engine is to be built at all, once the daemon says. Raises NoDaemon."""
        self.send(Alive())
        try:
            begins = isinstance(self._connection.recv(), Begin)
        except (EOFError, OSError) as error:
            raise NoDaemon from error
        self.send(Begun())
        return begins

    def send(self, message: FromEngine) -> None:
        """Report to the daemon; blocks while it holds us back. Raises NoDaemon."""
        try:
            self._connection.send(message)
        except OSError as error:
            raise NoDaemon from error

    def knobs(self) -> FrameKnobs:
        """The newest knobs at this moment."""
        self.read(0)
        return self._knobs

    def aborted(self, job: str) -> bool:
        """Whether ``job`` is to stop now."""
        return self.quit or job in self._aborted

    def pace(self, job: str) -> Pace | None:
        """The newest pace of ``job``; None while there is none."""
        return self._pace if self._pace is not None and self._pace.job == job else None

    def next_job(self) -> ClipRequest | None:
        """Wait for a job; None when it is time to leave."""
        while not self.quit:
            if self._jobs:
                return self._jobs.popleft()
            self.read(None)
        return None

    def forget(self, job: str) -> None:
        """Drop what was kept about an ended job."""
        self._aborted.discard(job)

    def read(self, timeout: float | None) -> None:
        """Take everything that has arrived, waiting up to ``timeout`` seconds for the first, or
        for as long as it takes; meanwhile the daemon hears that we are alive. Raises NoDaemon."""
        end = None if timeout is None else perf_counter() + timeout
        try:
            while not self._connection.poll(_slice(end)):
                if end is not None and perf_counter() >= end:
                    return
                self.send(Alive())
            while self._connection.poll(0):
                self._take(self._connection.recv())
        except (EOFError, OSError) as error:
            raise NoDaemon from error

    def _take(self, message: ToEngine) -> None:
        match message:
            case Turn(knobs):
                self._knobs = knobs
            case Run(request):
                self._aborted.discard(request.job)  # which was another job of that name
                self._jobs.append(request)
            case Abort(job):
                self._aborted.add(job)
            case Pace():
                self._pace = message
            case Quit():
                self.quit = True


def _slice(end: float | None) -> float:
    """How long to wait in one go until ``end``, in seconds."""
    return ALIVE_S if end is None else max(0.0, min(ALIVE_S, end - perf_counter()))


def _serve(inbox: Orders, engine: Engine) -> str:
    """Run one job after another; why that ended. Raises NoDaemon.

    An error that nobody foresaw may be one that stays, as a CUDA error does until its process
    ends: then the engine makes a frame for nobody, and leaves if it cannot, or if the job before
    failed so, too.
    """
    before = ""
    while (request := inbox.next_job()) is not None:
        unforeseen = ""
        try:
            state, reason = _run(inbox, engine, request), ""
        except MulaError as error:
            state, reason = JobState.FAILED, str(error)
        except NoDaemon:
            raise
        except Exception as error:
            state, reason = JobState.FAILED, _words(error)
            unforeseen = reason
        if request.endless:
            relax()
        inbox.forget(request.job)
        inbox.send(Ended(request.job, state, reason))
        if unforeseen and (before or not _works(engine)):
            return f"the engine could not go on after {unforeseen}"
        before = unforeseen
    return "as it was told to"


def _works(engine: Engine) -> bool:
    """Whether it can make a frame."""
    gc.collect()  # the job that failed may still hold what the next one needs
    try:
        with contextlib.closing(_iterator(engine.generate(PROBE, FrameKnobs))) as items:
            return any(isinstance(item, Frame) for item in items)
    except Exception as error:
        _words(error)
        return False


def _words(error: Exception) -> str:
    """An error that nobody foresaw, in words; where it came from goes to the terminal."""
    with contextlib.suppress(Exception):  # which may be gone
        traceback.print_exception(error)
    kind = type(error).__name__
    if isinstance(error, MemoryError) or kind == "OutOfMemoryError":
        return f"out of memory: take fewer takes or bars, or close other programs ({kind}: {error})"
    return f"{kind}: {error}"


def _run(inbox: Orders, engine: Engine, request: ClipRequest) -> JobState:
    pacer = Pacer(request.pace, engine.info.sample_rate, inbox)
    live = LivePacer(request.job, engine.info, inbox)
    knobs = live.knobs if request.endless else scripted(request, inbox) or inbox.knobs
    if request.endless:
        hurry()
    with contextlib.closing(_iterator(engine.generate(request, knobs))) as items:
        for item in items:
            if inbox.aborted(request.job):
                return JobState.CANCELLED
            inbox.send(item)
            if isinstance(item, Timing):
                live.keep_to(item)
            if isinstance(item, AudioBlock) and item.take == 0 and item.at is None:
                live.add(item.samples.shape[0])
                pacer.wait(item.samples.shape[0], request.job)
    return JobState.CANCELLED if inbox.aborted(request.job) else JobState.DONE


def _iterator(items: Iterator[Item]) -> Generator[Item, None, None]:
    """A generator around any iterator, so that it can be closed."""
    yield from items


def scripted(request: ClipRequest, inbox: Orders) -> Callable[[], FrameKnobs] | None:
    """Knobs replayed from a performance, frame by frame; None when the request has none."""
    if not request.performance:
        return None
    script = dict(request.performance)
    frame, current = -1, request.performance[0][1]

    def read() -> FrameKnobs:
        nonlocal frame, current
        inbox.read(0)  # a replay listens to no knob, but it can be cancelled
        frame += 1
        current = script.get(frame, current)
        return current

    return read


class Pacer:
    """Holds generation to ``pace`` times real time, still reading what arrives."""

    def __init__(self, pace: float, sample_rate: int, inbox: Orders) -> None:
        self._seconds_per_sample = 1 / (pace * sample_rate) if pace > 0 else 0.0
        self._inbox = inbox
        self._due = perf_counter()

    def wait(self, samples: int, job: str) -> None:
        """Wait until ``samples`` more are due, or the job is aborted."""
        self._due += samples * self._seconds_per_sample
        while (left := self._due - perf_counter()) > 0 and not self._inbox.aborted(job):
            self._inbox.read(left)


class LivePacer:
    """Lets each burst of frames of an endless job begin when the ear is near enough, not before.

    The frames of a burst follow each other without a wait, and yet each has the knobs of its
    own moment.
    """

    def __init__(self, job: str, engine: EngineInfo, inbox: Orders) -> None:
        self._next = 0
        """The sample that the next frame begins with."""
        self._begins = 0
        """The sample that the burst begins with..."""
        self._left = 0
        """...and how many of its frames are still to be made."""
        self._burst = engine.burst_frames
        self._job = job
        self._rate = engine.sample_rate
        self._frame_samples = round(engine.frame_seconds * engine.sample_rate)
        self._inbox = inbox
        per_beat = engine.frames_per_beat
        self._lock = PhaseLock(per_beat) if per_beat else None

    def add(self, samples: int) -> None:
        """So much more sound is made."""
        if not self._frame_samples:  # else it lags behind, and frames are counted instead
            self._next += samples

    def keep_to(self, timing: Timing) -> None:
        """Make bursts as long as ``timing`` says, from the next one on."""
        self._burst = timing.burst_frames

    def knobs(self) -> FrameKnobs:
        """Wait for the next frame's time, or for the job's end; then the newest knobs, at the
        tempo that keeps it on the beat."""
        if not self._left:
            self._begins, self._left = self._next, self._burst
        self._left -= 1
        self._wait()
        knobs, pace = self._inbox.knobs(), self._inbox.pace(self._job)
        if self._lock is not None and pace is not None:
            heard_ns = self._due_ns(pace) + pace.lead_ns
            knobs = replace(knobs, bpm=self._lock.bpm(knobs.bpm, pace.line, heard_ns))
        self._next += self._frame_samples
        return knobs

    def _due_ns(self, pace: Pace) -> int:
        return pace.due_ns + (self._begins - pace.samples) * 1_000_000_000 // self._rate

    def _wait(self) -> None:
        while not self._inbox.aborted(self._job):
            pace = self._inbox.pace(self._job)
            if pace is None:
                self._inbox.read(None)
                continue
            left_ns = self._due_ns(pace) - perf_counter_ns()
            if left_ns <= 0:
                break
            self._inbox.read(left_ns / 1e9)
