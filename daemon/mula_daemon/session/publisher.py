"""Tells the listeners what happens, in one order for all."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable

from mula_bridge.control import Listener
from mula_bridge.control.messages import DAEMON, Origin, Report

log = logging.getLogger(__name__)


class Publisher:
    """Session thread only, but for ``listen``, which is for the owner before that begins.

    A listener that publishes while it is told of something is not heard before everybody knows
    of that. Of one that raises ``on_fault`` hears, and the others hear the report all the same.
    What waits is what was said about one command or event, which bounds it.
    """

    def __init__(self) -> None:
        self.on_fault: Callable[[str, Exception], None] = _log_fault
        """Hears what could not be told to whom. Must not publish, or it might never end."""
        self._listeners: list[Listener] = []
        self._waiting: deque[tuple[Report, Origin | None, Origin | None]] = deque()
        self._telling = False

    def listen(self, listener: Listener) -> None:
        """Add a listener."""
        self._listeners.append(listener)

    def publish(
        self, report: Report, *, to: Origin | None = None, by: Origin | None = None
    ) -> None:
        """Send a report on, as `Publish` says."""
        self._waiting.append((report, to, by))
        if by is not None and by != DAEMON:
            self._waiting.append((report, by, None))
        if self._telling:
            return
        self._telling = True
        try:
            while self._waiting:
                self._tell(*self._waiting.popleft())
        finally:
            self._telling = False

    def _tell(self, report: Report, to: Origin | None, but: Origin | None) -> None:
        for listener in self._listeners:
            try:
                listener.report(report, to=to, but=but)
            except Exception as error:  # it must take neither the others nor the session with it
                who, what = type(listener).__name__, type(report).__name__
                self.on_fault(f"telling {who} of {what}", error)


def _log_fault(what: str, error: Exception) -> None:
    log.error("%s failed", what, exc_info=error)
