"""A thread with an event loop of its own, for servers that must hold nobody up; and its timer."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections import deque
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any, Final

from mula_bridge.control.messages import Origin, Report

MAX_WAITING: Final = 4096
"""Reports that wait for the thread; beyond that the oldest are forgotten."""

Take = Callable[[Report, Origin | None, Origin | None], None]
"""Handles a report, with ``to`` and ``but``, on the loop's thread."""

log = logging.getLogger(__name__)


class LoopThread:
    """A thread with an event loop, to which reports go without blocking whoever sends them."""

    def __init__(self, name: str, take: Take) -> None:
        self._name = name
        self._take = take
        self._waiting: deque[tuple[Report, Origin | None, Origin | None]] = deque(
            maxlen=MAX_WAITING
        )
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    def start(self, opening: Coroutine[Any, Any, None]) -> None:
        """Begin, and run ``opening`` there; whatever it raises is raised here."""
        loop = self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=loop.run_forever, name=self._name, daemon=True)
        self._thread.start()
        try:
            asyncio.run_coroutine_threadsafe(opening, loop).result()
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

    def report(self, report: Report, to: Origin | None, but: Origin | None) -> None:
        """Hand a report over. Any thread; before ``start``, the newest ones are kept."""
        self._waiting.append((report, to, but))
        self.call(self._drain)

    def call(self, function: Callable[..., object], *args: object) -> None:
        """Call something there, soon; nothing happens when the loop does not run. Any thread."""
        loop = self._loop
        if loop is not None:
            with suppress(RuntimeError):  # it has just been closed
                loop.call_soon_threadsafe(function, *args)

    def _drain(self) -> None:
        while self._waiting:
            try:
                self._take(*self._waiting.popleft())
            except Exception:  # a bug in one report must not take the others away
                log.exception("could not send a report")

    def _end(self) -> None:
        loop, self._loop = self._loop, None
        if loop is None or self._thread is None:
            return
        loop.call_soon_threadsafe(loop.stop)
        self._thread.join(2.0)
        loop.close()


class LoopTimer:
    """Calls ``function`` on the running loop: at once, and whenever it wants to be called again.

    ``function`` returns in how many seconds that is, None for never. That loop's thread.
    """

    def __init__(self, function: Callable[[], float | None]) -> None:
        self._function = function
        self._handle: asyncio.TimerHandle | None = None

    def call(self) -> None:
        """Call now; a call that is still to come stands, unless there is an earlier one."""
        seconds = self._function()
        if seconds is None:
            return
        loop = asyncio.get_running_loop()
        if self._handle is None or not loop.time() < self._handle.when() <= loop.time() + seconds:
            self.cancel()
            self._handle = loop.call_later(seconds, self.call)

    def cancel(self) -> None:
        """Forget the call that is to come."""
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None
