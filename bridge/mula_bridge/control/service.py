"""What runs beside the rest: threads with a beginning, an end, and a word when they die."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Final

STOP_S: Final = 2.0
"""How long an end is waited for, unless somebody says otherwise."""

Told = Callable[["Service", Exception], None]
"""Hears of a service that died, on that service's thread."""

log = logging.getLogger(__name__)


class Service:
    """One thread, which works in ``run`` until ``stopping`` is set.

    ``start`` and ``stop`` are for the thread that owns the daemon. What ``run`` raises ends the
    service, is logged, and reaches ``on_death``; nothing else ends with it.
    """

    def __init__(self, name: str) -> None:
        self.name: Final = name
        self.stopping = threading.Event()
        self.on_death: Told = lambda service, error: None
        """Set before ``start`` by whoever wants to know."""
        self._thread = threading.Thread(target=self._guarded, name=name, daemon=True)

    def run(self) -> None:
        """Work, on the service's own thread; return soon after ``stopping`` is set."""
        raise NotImplementedError

    def wake(self) -> None:
        """End whatever ``run`` waits for, because it is to stop. Any thread."""

    @property
    def alive(self) -> bool:
        """Whether it runs now. Any thread."""
        return self._thread.is_alive()

    def start(self) -> None:
        """Begin; at once, and only once."""
        self._thread.start()

    def stop(self, timeout: float = STOP_S) -> None:
        """End, and wait for that ``timeout`` seconds at most. May be called again, or before
        ``start``."""
        self.stopping.set()
        self.wake()
        if self.alive and threading.current_thread() is not self._thread:
            self._thread.join(timeout)
            if self.alive:
                log.warning("%s did not end within %g s", self.name, timeout)

    def _guarded(self) -> None:
        try:
            self.run()
        except Exception as error:  # it ends alone, and not in silence
            log.exception("%s died", self.name)
            self.on_death(self, error)


class Task(Service):
    """A service that is one function, for what ends by itself or looks at ``stopping``."""

    def __init__(
        self, name: str, work: Callable[[], object], wake: Callable[[], None] | None = None
    ) -> None:
        super().__init__(name)
        self._work = work
        self._wake = wake

    def run(self) -> None:
        """Do it."""
        self._work()

    def wake(self) -> None:
        """As it was handed in."""
        if self._wake is not None:
            self._wake()


class Errands(Service):
    """Does what it is handed, one thing after another. ``do`` is for any thread.

    An errand that raises is logged and ends alone. What waits when it is stopped is done
    before the end, or, with ``drop``, forgotten.
    """

    def __init__(self, name: str, *, drop: bool = False) -> None:
        super().__init__(name)
        self._drop = drop
        self._waiting: SimpleQueue[Callable[[], object] | None] = SimpleQueue()

    def do(self, errand: Callable[[], object]) -> None:
        """Have something done soon."""
        self._waiting.put(errand)

    def wake(self) -> None:
        """A last word behind all that waits."""
        self._waiting.put(None)

    def run(self) -> None:
        """Do one thing after another."""
        while (errand := self._waiting.get()) is not None:
            if self._drop and self.stopping.is_set():
                return
            try:
                errand()
            except Exception:  # the next one has done nothing wrong
                log.exception("%s could not do %r", self.name, errand)
