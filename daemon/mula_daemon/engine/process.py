"""The daemon's side of the engine process: start, feed, listen, restart.

Threads. Two live here: a writer, which sends the newest knobs (latest wins) and
then jobs, so that a busy engine never blocks the session; and a reader, which
hands what the engine says to the listener. When the listener is slow, the pipe
fills and the engine waits: that is the audio back-pressure.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import sys
import threading
from collections import deque
from multiprocessing.process import BaseProcess
from time import monotonic
from typing import Final, Protocol

from mula_bridge.control import Service, Task
from mula_bridge.control.messages import EngineState, Notice
from mula_daemon.engine.messages import (
    Abort,
    Broken,
    Ended,
    EngineSpec,
    FromEngine,
    Pace,
    Quit,
    Ready,
    Run,
    ToEngine,
    Turn,
)
from mula_daemon.engine.seam import AudioBlock, ClipRequest, EngineInfo, Frame, FrameKnobs
from mula_daemon.engine.worker import main as worker_main

if sys.platform == "win32":
    from multiprocessing.connection import PipeConnection as Connection
else:
    from multiprocessing.connection import Connection

RESTARTS: Final = 3
RESTART_WINDOW_S: Final = 60.0
"""An engine that dies this often within this time is not started again."""


class HostListener(Protocol):
    """What the reader thread calls; it may block to hold the engine back."""

    def engine_changed(self, state: EngineState, detail: str, info: EngineInfo | None) -> None: ...
    def frame(self, frame: Frame) -> None: ...
    def audio(self, block: AudioBlock) -> None: ...
    def notice(self, notice: Notice) -> None: ...
    def ended(self, ended: Ended) -> None: ...


class EngineHost(Protocol):
    """Where an engine runs: a child process here, an actor elsewhere."""

    def start(self, listener: HostListener) -> None: ...
    def turn(self, knobs: FrameKnobs) -> None: ...
    def run(self, request: ClipRequest) -> None: ...
    def abort(self, job: str) -> None: ...
    def pace(self, pace: Pace) -> None: ...
    def stop(self, timeout: float) -> None: ...


class EngineProcess:
    """An EngineHost that is a spawned child process. Every method: any thread."""

    def __init__(self, spec: EngineSpec) -> None:
        self._spec = spec
        self._wake = threading.Condition()
        self._knobs: FrameKnobs | None = None
        self._newest = FrameKnobs()
        self._pace: Pace | None = None
        self._orders: deque[ToEngine] = deque()
        self._stopping = threading.Event()
        self._connection: Connection | None = None
        self._process: BaseProcess | None = None
        self._threads: list[Task] = []

    @property
    def pid(self) -> int | None:
        """Process id of the engine, while there is one."""
        process = self._process
        return process.pid if process is not None else None

    @property
    def services(self) -> tuple[Service, ...]:
        """Its threads, once it was started."""
        return tuple(self._threads)

    def start(self, listener: HostListener) -> None:
        """Spawn the engine; its state changes reach ``listener`` as they happen."""
        self._threads = [
            Task("engine-reader", lambda: self._supervise(listener)),
            Task("engine-writer", self._write),
        ]
        for thread in self._threads:
            thread.start()

    def turn(self, knobs: FrameKnobs) -> None:
        """Make ``knobs`` the newest; values that were not sent yet are forgotten."""
        with self._wake:
            self._knobs = self._newest = knobs
            self._wake.notify()

    def run(self, request: ClipRequest) -> None:
        """Generate ``request`` as soon as the engine is free."""
        self._order(Run(request))

    def abort(self, job: str) -> None:
        """Stop ``job`` at its next frame."""
        self._order(Abort(job))

    def pace(self, pace: Pace) -> None:
        """Tell an endless job when its frames are due; one that was not sent yet is forgotten."""
        with self._wake:
            self._pace = pace
            self._wake.notify()

    def stop(self, timeout: float = 1.5) -> None:
        """Ask the engine to leave, then make it; returns within about ``timeout`` seconds."""
        self._stopping.set()
        self._order(Quit())
        process = self._process
        if process is not None:
            process.join(timeout)
            if process.is_alive():
                process.kill()
                process.join(1.0)
        with self._wake:
            self._wake.notify_all()
        for thread in self._threads:
            thread.stop(timeout)

    def _order(self, order: ToEngine) -> None:
        with self._wake:
            self._orders.append(order)
            self._wake.notify()

    def _supervise(self, listener: HostListener) -> None:
        deaths: deque[float] = deque(maxlen=RESTARTS)
        state = EngineState.STARTING
        while not self._stopping.is_set():
            listener.engine_changed(state, self._spec.name, None)
            last_words = self._live(listener)
            if self._stopping.is_set():
                return
            if isinstance(last_words, Broken):
                listener.engine_changed(EngineState.FAILED, last_words.reason, None)
                return
            deaths.append(monotonic())
            if len(deaths) == RESTARTS and deaths[-1] - deaths[0] < RESTART_WINDOW_S:
                listener.engine_changed(
                    EngineState.FAILED,
                    f"{last_words}; it died {RESTARTS} times within "
                    f"{RESTART_WINDOW_S:.0f} s, so it is not started again: "
                    "restart mula run, or try mula doctor",
                    None,
                )
                return
            listener.engine_changed(EngineState.RESTARTING, last_words, None)
            state = EngineState.STARTING

    def _live(self, listener: HostListener) -> Broken | str:
        """Spawn one process and listen to it until it is gone; returns why."""
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        process = context.Process(
            target=worker_main, args=(theirs, self._spec), name="mula-engine", daemon=True
        )
        process.start()
        theirs.close()
        with self._wake:
            self._process, self._connection = process, ours
            self._knobs = self._newest
            # Orders for the process that died are void: its job has been failed.
            self._orders = deque(order for order in self._orders if isinstance(order, Quit))
            self._wake.notify()
        broken = None
        with contextlib.suppress(EOFError, OSError):
            while True:
                message: FromEngine = ours.recv()
                if isinstance(message, Broken):
                    broken = message
                    break
                _hand_over(message, listener)
        with self._wake:
            self._connection = None
        process.join(5.0)
        ours.close()
        return broken or f"the engine process ended ({_exit_words(process.exitcode)})"

    def _write(self) -> None:
        while True:
            with self._wake:
                while not self._stopping.is_set() and (
                    self._connection is None
                    or (self._knobs is None and self._pace is None and not self._orders)
                ):
                    self._wake.wait()
                connection = self._connection
                if connection is None:
                    return
                message: ToEngine
                if self._knobs is not None:
                    message, self._knobs = Turn(self._knobs), None
                elif self._pace is not None:
                    message, self._pace = self._pace, None
                elif self._orders:
                    message = self._orders.popleft()
                else:
                    return
            # A process that just died is the reader's business.
            with contextlib.suppress(OSError):
                connection.send(message)


def _hand_over(message: FromEngine, listener: HostListener) -> None:
    match message:
        case Frame():
            listener.frame(message)
        case AudioBlock():
            listener.audio(message)
        case Notice():
            listener.notice(message)
        case Ended():
            listener.ended(message)
        case Ready(info):
            listener.engine_changed(EngineState.READY, info.name, info)


def _exit_words(code: int | None) -> str:
    if code is None:
        return "without an exit code"
    return f"killed by signal {-code}" if code < 0 else f"exit code {code}"
