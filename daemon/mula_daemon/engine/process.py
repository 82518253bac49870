"""The daemon's side of the engine process: start, feed, listen, restart.

Threads. Three live here: a writer, which sends the newest knobs (latest wins) and
then jobs, so that a busy engine never blocks the session; a reader, which
hands what the engine says to the listener; and the vigil, which ends an engine that hangs.
When the listener is slow, the pipe fills and the engine waits: that is the audio back-pressure.
"""

from __future__ import annotations

import contextlib
import threading
from collections import deque
from collections.abc import Callable, Sequence
from multiprocessing.reduction import ForkingPickler
from time import monotonic
from typing import Final, Protocol

from msgspec.structs import replace

from mula_bridge.control import Service, Task
from mula_bridge.control.messages import EngineState, JobState, Notice
from mula_bridge.net import Connection
from mula_daemon.engine.messages import (
    Abort,
    Alive,
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
from mula_daemon.engine.restarts import Restarts
from mula_daemon.engine.seam import (
    AudioBlock,
    ClipRequest,
    EngineInfo,
    Frame,
    FrameKnobs,
    Item,
    Timing,
)
from mula_daemon.engine.spare import EXIT_S, EngineChild, Spare
from mula_daemon.engine.vigil import Vigil

STARTING_S: Final = 1800.0
"""How long an engine may start without a word: 16 GB from a slow share take their time."""
BEGINNING_S: Final = 30.0
"""How long a process that waits to be told to begin, and was told, may say nothing."""
LASTING_S: Final = 60.0
"""An engine that was warm for so long was of use, though nobody asked it for anything."""
LEAVING_S: Final = 2.0
"""How long a process that has said its last may take to end."""
STOP_S: Final = 1.5
"""How long an engine that was asked to leave may take, unless somebody says otherwise."""


class HostListener(Protocol):
    """What the reader thread calls; it may block to hold the engine back."""

    def engine_changed(self, state: EngineState, detail: str, info: EngineInfo | None) -> None: ...
    def frame(self, frame: Frame) -> None: ...
    def audio(self, block: AudioBlock) -> None: ...
    def notice(self, notice: Notice) -> None: ...
    def timing(self, timing: Timing) -> None: ...
    def ended(self, ended: Ended) -> None: ...


class EngineHost(Protocol):
    """Where an engine runs: a child process here, an actor elsewhere."""

    def start(self, listener: HostListener) -> None: ...
    def turn(self, knobs: FrameKnobs) -> None: ...
    def run(self, request: ClipRequest, engine: EngineInfo) -> None: ...
    def abort(self, job: str) -> None: ...
    def pace(self, pace: Pace) -> None: ...
    def stop(self, timeout: float) -> None: ...


class EngineProcess:
    """An EngineHost that is a spawned child process. Every method: any thread.

    Whatever becomes of the process, the listener hears of it, and there is another one:
    at once, or, where several in a row came to nothing, after a rest (see `Restarts`). What the
    listener raises is logged and told, and costs that one item.
    """

    def __init__(self, spec: EngineSpec) -> None:
        self._spec = spec
        self._wake = threading.Condition()
        self._knobs: FrameKnobs | None = None
        self._newest = FrameKnobs()
        self._pace: Pace | None = None
        self._orders: deque[ToEngine] = deque()
        self._stopping = threading.Event()
        self._connection: Connection | None = None
        self._child: EngineChild | None = None
        self._ready: EngineInfo | None = None
        self._listener: HostListener | None = None
        self._restarts = Restarts()
        self._spare = Spare(spec)
        self._was_ready = False
        self._reader = Task("engine-reader", self._supervise)
        self._writer = Task("engine-writer", self._write)
        self._vigil = Vigil(self._kill)
        self.services: Sequence[Service] = (self._reader, self._writer, self._vigil)
        """Its threads, for whoever wants to hear of them; they are started and stopped here."""

    @property
    def pid(self) -> int | None:
        """Process id of the engine, while there is one."""
        child = self._child
        return child.process.pid if child is not None else None

    def start(self, listener: HostListener) -> None:
        """Spawn the engine; its state changes reach ``listener`` as they happen."""
        self._listener = listener
        for service in self.services:
            service.start()

    def turn(self, knobs: FrameKnobs) -> None:
        """Make ``knobs`` the newest; values that were not sent yet are forgotten."""
        with self._wake:
            self._knobs = self._newest = knobs
            self._wake.notify()

    def run(self, request: ClipRequest, engine: EngineInfo) -> None:
        """Generate ``request`` as soon as the engine is free that said it was ready with this
        very ``engine``. Where that one is gone already, whoever asks has yet to hear of it."""
        with self._wake:
            if engine is self._ready:
                self._order(Run(request))

    def abort(self, job: str) -> None:
        """Stop ``job`` at its next frame; said again and again, it is sent once."""
        self._order(Abort(job))

    def pace(self, pace: Pace) -> None:
        """Tell an endless job when its frames are due; one that was not sent yet is forgotten."""
        with self._wake:
            self._pace = pace
            self._wake.notify()

    def stop(self, timeout: float = STOP_S) -> None:
        """Ask the engine to leave within ``timeout`` seconds, then make it; returns two seconds
        after that at the latest."""
        with self._wake:  # a process that is being spawned sees this, or is seen here
            self._stopping.set()
            child = self._child
            self._order(Quit())
        if child is not None:
            child.process.join(timeout)
            self._kill()
        self._spare.drop()
        end = monotonic() + EXIT_S
        for service in self.services:
            service.stop(max(0.0, end - monotonic()))

    def _order(self, order: ToEngine) -> None:
        with self._wake:
            if order not in self._orders:
                self._orders.append(order)
            self._wake.notify()

    def _kill(self) -> None:
        child = self._child
        if child is not None:
            child.process.kill()

    # --- the reader ---------------------------------------------------------------------------

    def _supervise(self) -> None:
        while not self._stopping.is_set():
            self._say(EngineState.STARTING, self._spec.name)
            try:
                end: Broken | str = self._live()
            except Exception as error:  # no memory, no process, no file: the system may recover
                self._reader.stumble("starting the engine", error)
                end = f"its process could not be started ({error})"
            if self._stopping.is_set():
                return
            if isinstance(end, Broken):
                if not self._was_ready:
                    self._say(EngineState.FAILED, end.reason)
                    return
                # It was fine before, so this will pass: memory that the last one still held.
                end = end.reason
            rest_s = self._restarts.rest_s()
            if not rest_s:
                self._say(EngineState.RESTARTING, end)
                continue
            self._say(
                EngineState.RESTING,
                f"{end}; it failed {self._restarts.in_vain} times in a row. Next try in "
                f"{rest_s:g} s; mula doctor looks for the cause",
            )
            self._stopping.wait(rest_s)

    def _say(self, state: EngineState, detail: str, info: EngineInfo | None = None) -> None:
        assert self._listener is not None
        with self._reader.item(f"the news that the engine is {state}"):
            self._listener.engine_changed(state, detail, info)

    def _live(self) -> Broken | str:
        """Begin with a process, and listen to it until it is gone; returns why. Raises OSError."""
        child = self._spare.take()
        self._vigil.verdict = ""
        try:
            with self._wake:
                self._child, self._connection = child, child.connection
                self._knobs = self._newest
                self._wake.notify()
                if self._stopping.is_set():
                    self._kill()
            last_words = self._listen(child.connection)
        finally:
            with self._wake:  # what was meant for this one is void, before anybody hears of it
                self._connection = self._ready = self._pace = None
                self._orders = deque(order for order in self._orders if isinstance(order, Quit))
            child.end(LEAVING_S)
            with self._wake:
                self._child = None
        if isinstance(last_words, Broken):
            return last_words
        ended = last_words or self._vigil.verdict or _exit_words(child.process.exitcode)
        return f"the engine process ended ({ended})"

    def _listen(self, ours: Connection) -> Broken | str:
        """Hand on what the engine says until it is gone; its last words, if any."""
        patience_s, since = STARTING_S, monotonic()
        while True:
            try:
                with self._vigil.waiting(patience_s):
                    while not ours.poll(EXIT_S):
                        if self._vigil.verdict:  # killed, and not gone: a driver may hold it
                            return ""
                    data = ours.recv_bytes()
            except (EOFError, OSError):
                return ""
            try:
                message: FromEngine = ForkingPickler.loads(data)
            except Exception as error:  # it may have been the end of a job, or a piece of a clip
                self._reader.stumble("reading what the engine said", error)
                return f"what it said could not be read: {error!r}"
            with self._reader.item("what the engine said"):
                match message:
                    case Broken():
                        return message
                    case Leaving(reason):
                        return reason
                    case Alive() if self._ready is None:  # it was told to begin
                        patience_s = BEGINNING_S
                    case Begun():
                        patience_s = STARTING_S
                    case Alive():
                        if monotonic() - since > LASTING_S:
                            self._restarts.worked()
                    case Ready(info):
                        patience_s, since, self._was_ready = info.patience_s, monotonic(), True
                        self._ready = info
                        self._say(EngineState.READY, info.name, info)
                        self._spare.keep()
                    case Frame():
                        self._restarts.worked()
                        self._hand_over(message)
                    case _:
                        self._hand_over(message)

    def _hand_over(self, message: Item | Ended) -> None:
        listener = self._listener
        assert listener is not None
        match message:
            case Frame():
                listener.frame(message)
            case AudioBlock():
                listener.audio(message)
            case Notice():
                listener.notice(message)
            case Timing():
                listener.timing(message)
            case Ended():
                self._end(message, listener.ended)

    def _end(self, ended: Ended, tell: Callable[[Ended], None]) -> None:
        """Tell the end of a job, which must not get lost: whatever waits for it would wait on."""
        try:
            tell(ended)
        except Exception as error:
            tell(replace(ended, state=JobState.FAILED, reason=f"it could not be kept: {error!r}"))
            raise

    # --- the writer ---------------------------------------------------------------------------

    def _write(self) -> None:
        while (due := self._due()) is not None:
            connection, messages = due
            for message in messages:
                try:
                    connection.send(message)
                except OSError:
                    self._cut_off(connection)
                except Exception as error:
                    if self._connection is connection:  # else it was closed meanwhile
                        self._writer.stumble(f"sending {type(message).__name__}", error)
                    self._cut_off(connection)

    def _due(self) -> tuple[Connection, list[ToEngine]] | None:
        """Wait for what is to be sent next, and where to; None when it is time to leave.

        An order goes right behind the newest knobs, so that neither waits for ever for the other.
        """
        with self._wake:
            while not self._stopping.is_set() and (
                self._connection is None
                or (self._knobs is None and self._pace is None and not self._orders)
            ):
                self._wake.wait()
            messages: list[ToEngine] = []
            if self._knobs is not None:
                messages.append(Turn(self._knobs))
            if self._pace is not None:
                messages.append(self._pace)
            if self._orders:
                messages.append(self._orders.popleft())
            self._knobs = self._pace = None
            if self._connection is None or not messages:
                return None
            return self._connection, messages

    def _cut_off(self, connection: Connection) -> None:
        """End a process that did not get what it was sent: it would wait for it, and its job
        with it. One that just died is the reader's business anyway."""
        with self._wake:
            if self._connection is connection:
                with contextlib.suppress(OSError):
                    self._kill()


def _exit_words(code: int | None) -> str:
    if code is None:
        return "without an exit code"
    return f"killed by signal {-code}" if code < 0 else f"exit code {code}"
