"""A thread with an event loop of its own, for servers that must hold nobody up."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from contextlib import AbstractContextManager, nullcontext, suppress
from functools import partial
from typing import Any, Final, Protocol

from mula_bridge.control import Service
from mula_bridge.control.messages import Origin, Report
from mula_bridge.errors import Busy, Unavailable

MAX_WAITING: Final = 4096
"""Reports that wait for the thread; beyond that the oldest are forgotten."""
MAX_CALLS: Final = 64
"""Calls that wait for it; one more is refused."""
OPEN_S: Final = 30.0
"""For a port to be opened, or not."""
CLOSE_S: Final = 5.0
"""How long a server may take to close what it has open."""

log = logging.getLogger(__name__)

Act = Callable[[], Coroutine[Any, Any, None]]
"""Opens a server on its loop, or closes it there."""


class TakeReport(Protocol):
    """Handles a report as `Listener.report` does, but on the loop's thread."""

    def __call__(self, report: Report, *, to: Origin | None, but: Origin | None) -> None: ...


class LoopThread:
    """A thread with an event loop, to which reports go without blocking whoever sends them.

    There, ``opening`` opens the server, and opens it again when the loop has died; ``closing``
    closes what is open, also what a death left half open. ``take`` handles a report, and ``due``
    does what has waited long enough; it returns in how many seconds there is more to do, None
    where nothing waits.

    Before ``start``, and while a loop that died begins anew, the newest ``MAX_WAITING`` reports
    wait, and the oldest of more are forgotten; so do ``MAX_CALLS`` calls, and more are refused.
    """

    def __init__(
        self,
        name: str,
        opening: Act,
        closing: Act,
        take: TakeReport,
        due: Callable[[], float | None],
    ) -> None:
        self._name = name
        self._opening = opening
        self._closing = closing
        self._take = take
        self._due = due
        self._next: asyncio.TimerHandle | None = None
        self._waiting: deque[tuple[Report, Origin | None, Origin | None]] = deque(
            maxlen=MAX_WAITING
        )
        self._calls: deque[Callable[[], object]] = deque(maxlen=MAX_CALLS)
        self._runs: _Loop | None = None

    @property
    def service(self) -> Service | None:
        """The thread, from ``start`` to ``stop``."""
        return self._runs

    def start(self) -> None:
        """Begin; what the first ``opening`` raises is raised here, and Unavailable when it takes
        too long."""
        runs = self._runs = _Loop(self._name, self._open, self._closing, self._drain)
        runs.start()
        try:
            runs.opened.result(OPEN_S)
        except BaseException as error:
            self._runs = None
            runs.stop()
            if isinstance(error, TimeoutError):
                raise Unavailable(
                    f"{self._name}: its port does not open within {OPEN_S:g} s; choose another "
                    "address, as a number"
                ) from error
            raise

    def stop(self) -> None:
        """Run ``closing`` there, for ``CLOSE_S`` at most, and end the thread."""
        runs = self._runs
        if runs is not None:
            runs.stop(CLOSE_S + 2.0)
            self._runs = None

    def report(
        self, report: Report, *, to: Origin | None = None, but: Origin | None = None
    ) -> None:
        """Hand a report over. Any thread."""
        self._waiting.append((report, to, but))
        self._wake()

    def call(self, function: Callable[..., object], *args: object) -> None:
        """Call something there, soon, or as soon as a loop runs. Any thread. Raises Busy when too
        much waits."""
        if len(self._calls) >= MAX_CALLS:
            raise Busy(f"{MAX_CALLS} calls wait for {self._name}; this one was refused")
        self._calls.append(partial(function, *args))
        self._wake()

    def _wake(self) -> None:
        """Have what waits looked at; without a loop the next one does, when it begins."""
        runs = self._runs
        loop = runs.loop if runs is not None else None
        if loop is not None:
            with suppress(RuntimeError):  # it has just been closed
                loop.call_soon_threadsafe(self._drain)

    def item(self, what: str) -> AbstractContextManager[None]:
        """Guard the work on one item, as `Service.item` does. That thread, while it runs."""
        runs = self._runs
        return runs.item(what) if runs is not None else nullcontext()

    def stumble(self, what: str, error: Exception) -> None:
        """Say that something failed, as `Service.stumble` does. That thread."""
        runs = self._runs
        if runs is not None:
            runs.stumble(what, error)

    def due(self) -> None:
        """Do what is due now, and later what is not. That thread."""
        seconds = None
        with self.item("what was due"):
            seconds = self._due()
        loop = asyncio.get_running_loop()
        if seconds is None:
            return
        if self._next is None or not loop.time() < self._next.when() <= loop.time() + seconds:
            if self._next is not None:
                self._next.cancel()
            self._next = loop.call_later(seconds, self.due)

    async def _open(self) -> None:
        """Open the server on a loop that has just begun, perhaps in the place of another."""
        self._next = None
        await self._opening()

    def _drain(self) -> None:
        while self._calls:
            call = self._calls.popleft()
            with self.item("a call"):
                call()
        while self._waiting:
            report, to, but = self._waiting.popleft()
            with self.item(f"a report, {type(report).__name__}"):
                self._take(report, to=to, but=but)
        self.due()


class _Loop(Service):
    """One life of a LoopThread, from its start to its stop."""

    def __init__(self, name: str, opening: Act, closing: Act, begin: Callable[[], None]) -> None:
        super().__init__(name)
        self._opening = opening
        self._closing = closing
        self._begin = begin
        self.loop: asyncio.AbstractEventLoop | None = None
        """The one that runs now, if any."""
        self.opened: Future[None] = Future()
        """Done when the first opening is."""

    def wake(self) -> None:
        """End the loop."""
        loop = self.loop
        if loop is not None:
            with suppress(RuntimeError):  # it has just been closed
                loop.call_soon_threadsafe(loop.stop)

    def run(self) -> None:
        """Open, serve and close. Raises what ends the loop, and what keeps it from beginning
        again."""
        try:
            loop = asyncio.new_event_loop()
        except OSError as error:  # too many open files
            if self.opened.done():
                raise
            self.opened.set_exception(error)
            return
        loop.set_exception_handler(self._fault)
        asyncio.set_event_loop(loop)
        try:
            try:
                loop.run_until_complete(self._opening())
            except Exception as error:
                if self.opened.done():
                    raise
                self.opened.set_exception(error)  # it is for whoever started us
                return
            self.loop = loop
            loop.call_soon(self._begin)
            if not self.opened.done():
                loop.call_soon(self.opened.set_result, None)
            if self.stopping.is_set():
                return
            loop.run_forever()
            if not self.stopping.is_set():
                raise RuntimeError("the event loop ended by itself")
        finally:
            self.loop = None
            self._end(loop)

    def _end(self, loop: asyncio.AbstractEventLoop) -> None:
        """Close what is open, and leave no task behind."""
        with self.item("closing"), suppress(TimeoutError):
            loop.run_until_complete(asyncio.wait_for(self._closing(), CLOSE_S))
        with self.item("closing"):
            left = asyncio.all_tasks(loop)
            for task in left:
                task.cancel()
            if left:
                loop.run_until_complete(asyncio.wait(left, timeout=1.0))
        with self.item("closing"):
            loop.close()
        asyncio.set_event_loop(None)

    def _fault(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """An exception that nobody caught, in a callback or a task."""
        what = str(context.get("message", "a callback"))
        error = context.get("exception")
        if isinstance(error, ConnectionError):  # a client left in the middle of a word
            log.debug("%s: %s: %s", self.name, what, error)
        else:
            self.stumble(what, error if isinstance(error, Exception) else RuntimeError(what))
