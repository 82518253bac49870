"""A thread with an event loop of its own, for servers that must hold nobody up."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Coroutine
from contextlib import suppress
from functools import partial
from typing import Any, Final, Protocol

from mula_bridge.control import Task
from mula_bridge.control.messages import Origin, Report

OPEN_S: Final = 30.0
"""For a port to be opened, or not."""

MAX_WAITING: Final = 4096
"""Reports that wait for the thread; beyond that the oldest are forgotten."""

log = logging.getLogger(__name__)


class TakeReport(Protocol):
    """Handles a report as `Listener.report` does, but on the loop's thread."""

    def __call__(self, report: Report, *, to: Origin | None, but: Origin | None) -> None: ...


class LoopThread:
    """A thread with an event loop, to which reports go without blocking whoever sends them.

    There, ``take`` handles a report, and ``due`` does what has waited long enough; it returns in
    how many seconds there is more to do, None where nothing waits. What fails there is a
    fault of ``service``, the thread.
    """

    def __init__(self, name: str, take: TakeReport, due: Callable[[], float | None]) -> None:
        self._name = name
        self.service: Task | None = None
        """The thread, from ``start`` to ``stop``."""
        self._take = take
        self._due = due
        self._next: asyncio.TimerHandle | None = None
        self._waiting: deque[tuple[Report, Origin | None, Origin | None]] = deque(
            maxlen=MAX_WAITING
        )
        self._loop: asyncio.AbstractEventLoop | None = None

    def start(self, opening: Coroutine[Any, Any, None]) -> None:
        """Begin, and run ``opening`` there; whatever it raises is raised here."""
        loop = self._loop = asyncio.new_event_loop()
        loop.set_exception_handler(self._complain)
        self.service = Task(self._name, loop.run_forever, partial(_end, loop))
        self.service.start()
        try:
            asyncio.run_coroutine_threadsafe(opening, loop).result(OPEN_S)
        except BaseException:
            self._end()
            raise
        loop.call_soon_threadsafe(self._drain)

    def stop(self, closing: Coroutine[Any, Any, None]) -> None:
        """Run ``closing`` there, for five seconds at most, and end the thread."""
        if self._loop is None:
            closing.close()
            return
        with suppress(TimeoutError):
            asyncio.run_coroutine_threadsafe(closing, self._loop).result(5.0)
        self._end()

    def report(
        self, report: Report, *, to: Origin | None = None, but: Origin | None = None
    ) -> None:
        """Hand a report over. Any thread; before ``start``, the newest ones are kept."""
        self._waiting.append((report, to, but))
        self.call(self._drain)

    def call(self, function: Callable[..., object], *args: object) -> None:
        """Call something there, soon; nothing happens when the loop does not run. Any thread."""
        loop = self._loop
        if loop is not None:
            with suppress(RuntimeError):  # it has just been closed
                loop.call_soon_threadsafe(function, *args)

    def due(self) -> None:
        """Do what is due now, and later what is not. That thread."""
        loop, seconds = self._loop, self._due()
        if loop is None or seconds is None:
            return
        if self._next is None or not loop.time() < self._next.when() <= loop.time() + seconds:
            if self._next is not None:
                self._next.cancel()
            self._next = loop.call_later(seconds, self.due)

    def _drain(self) -> None:
        while self._waiting:
            report, to, but = self._waiting.popleft()
            try:
                self._take(report, to=to, but=but)
            except Exception as error:  # a bug in one report must not take the others away
                self._stumble(f"sending {type(report).__name__}", error)
        self.due()

    def _end(self) -> None:
        loop, self._loop = self._loop, None
        if loop is None:
            return
        service, self.service, self._next = self.service, None, None
        if service is not None:
            service.stop()
        if service is None or not service.alive:
            loop.close()

    def _complain(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        what = str(context.get("message", "a callback"))
        if isinstance(error, ConnectionError):  # a client left in the middle of a word
            log.debug("%s: %s: %s", self._name, what, error)
        else:
            self._stumble(what, error if isinstance(error, Exception) else RuntimeError(what))

    def _stumble(self, what: str, error: Exception) -> None:
        if self.service is not None:
            self.service.stumble(what, error)


def _end(loop: asyncio.AbstractEventLoop) -> None:
    with suppress(RuntimeError):  # it is closed
        loop.call_soon_threadsafe(loop.stop)
