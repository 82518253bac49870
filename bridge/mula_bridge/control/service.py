"""What runs beside the rest: threads that outlive what goes wrong, and say so."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Final

from mula_bridge.errors import Busy, Unavailable

STOP_S: Final = 2.0
"""How long an end is waited for, unless somebody says otherwise."""

MAX_RESTARTS: Final = 5
RESTART_WINDOW_S: Final = 60.0
"""A service that ends itself is begun again this often in this many seconds; then it is dead."""

FIRST_PAUSE_S: Final = 0.05
"""Before the first new beginning; twice as long before each one after it."""

REST_S: Final = 0.05
"""After a turn that failed, where nothing else makes the next one wait."""

LOG_PAUSE_S: Final = 1.0
"""What fails again sooner than this after it was logged is only counted."""

MOST_ERRANDS: Final = 256
"""So many may wait, unless somebody says otherwise."""

Told = Callable[["Service", str, Exception], None]
"""Hears what went wrong in a service: which, at what, and how. On that service's thread."""

log = logging.getLogger(__name__)


class Service:
    """One thread, which works in ``run`` until ``stopping`` is set.

    ``start`` and ``stop`` are for the thread that owns the daemon. One item that fails is
    guarded by ``item``: it is logged, counted and told, and the next has its turn. What ``run``
    raises all the same makes it run anew, ``MAX_RESTARTS`` times in ``RESTART_WINDOW_S`` at most,
    so it must stand being called again; then the service is ``dead``, which is told, too.
    """

    def __init__(self, name: str) -> None:
        self.name: Final = name
        self.stopping = threading.Event()
        self.faults = 0
        """How many items failed, new beginnings included."""
        self.dead = False
        """Whether it ended for good, without having been asked to."""
        self.on_fault: Told = lambda service, what, error: None
        """Hears of an item that failed and of a new beginning; set before ``start``."""
        self.on_death: Told = lambda service, what, error: None
        """Hears that the service is dead; set before ``start``."""
        self._ends: deque[float] = deque(maxlen=MAX_RESTARTS)
        self._unlogged = 0
        self._silent_until = 0.0
        self._thread = threading.Thread(target=self._guarded, name=name, daemon=True)

    def run(self) -> None:
        """Work, on the service's own thread; return soon after ``stopping`` is set."""
        raise NotImplementedError

    @contextmanager
    def item(self, what: str, *, rest: bool = False) -> Iterator[None]:
        """Guard the work on one item, which ``what`` names; on the service's own thread.

        ``rest``: after one that failed the next waits a moment, as it may fail at once, too.
        """
        try:
            yield
        except Exception as error:  # the next item has done nothing wrong
            self.stumble(what, error)
            if rest:
                self.stopping.wait(REST_S)

    def stumble(self, what: str, error: Exception) -> None:
        """Say that something failed, and that the work goes on. The service's own thread."""
        self.faults += 1
        if time.monotonic() < self._silent_until:
            self._unlogged += 1
        else:
            more = f" (and {self._unlogged} faults before it)" if self._unlogged else ""
            log.error("%s: %s failed%s", self.name, what, more, exc_info=error)
            self._unlogged, self._silent_until = 0, time.monotonic() + LOG_PAUSE_S
        self._inform(self.on_fault, what, error)

    def wake(self) -> None:
        """End whatever ``run`` waits for, because it is to stop. Any thread."""

    @property
    def alive(self) -> bool:
        """Whether it runs now. Any thread."""
        return self._thread.is_alive()

    def start(self) -> None:
        """Begin; at once, and only once. Raises Unavailable where the system has no thread."""
        if self._thread.ident is not None:
            raise RuntimeError(f"{self.name} has begun already")
        try:
            self._thread.start()
        except RuntimeError as error:
            raise Unavailable(
                f"{self.name} cannot begin: {error}; end other programs, or raise the limit of "
                "processes (ulimit -u)"
            ) from error

    def stop(self, timeout: float = STOP_S) -> None:
        """End, and wait for that ``timeout`` seconds at most. May be called again, or before
        ``start``."""
        self.stopping.set()
        try:
            self.wake()
        except Exception:  # the others have an end, too
            log.exception("%s could not be woken", self.name)
        if self.alive and threading.current_thread() is not self._thread:
            self._thread.join(timeout)
            if self.alive:
                log.warning("%s did not end within %g s", self.name, timeout)

    def _guarded(self) -> None:
        while True:  # once in any case: what was handed over before an early end is done
            try:
                self.run()
            except BaseException as raised:  # it ends alone, and not in silence
                error = _as_error(raised)
                if not self._may_begin_again():
                    self.dead = True
                    log.exception("%s died", self.name)
                    self._inform(self.on_death, "running", error)
                    return
                self.stumble("running", error)
                if self.stopping.wait(FIRST_PAUSE_S * 2 ** (len(self._ends) - 1)):
                    return
            else:
                return

    def _may_begin_again(self) -> bool:
        now = time.monotonic()
        while self._ends and now - self._ends[0] > RESTART_WINDOW_S:
            self._ends.popleft()
        if len(self._ends) == MAX_RESTARTS:
            return False
        self._ends.append(now)
        return True

    def _inform(self, told: Told, what: str, error: Exception) -> None:
        try:
            told(self, what, error)
        except Exception:  # whoever hears of trouble must not make more of it
            log.exception("nobody could be told of %s", self.name)


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

    An errand that raises is a failed item. What waits when it is stopped is done
    before the end, or, with ``drop``, forgotten. At most ``limit`` wait: beyond that one more is
    refused, or, with ``newest``, the oldest is forgotten.
    """

    def __init__(
        self, name: str, *, limit: int = MOST_ERRANDS, newest: bool = False, drop: bool = False
    ) -> None:
        super().__init__(name)
        self._limit = limit
        self._newest = newest
        self._drop = drop
        self._news = threading.Condition()
        self._waiting: deque[Callable[[], object]] = deque()
        self._ended = False

    def do(self, errand: Callable[[], object]) -> None:
        """Have something done soon. Raises Busy when too much waits, and when nothing will be
        done any more."""
        with self._news:
            if self._ended or self.dead:
                if self._drop:
                    return
                raise Busy(f"{self.name} has ended, and does nothing more; restart mula run")
            if len(self._waiting) >= self._limit:
                if not self._newest:
                    raise Busy(f"{self._limit} things wait for {self.name}; this one was refused")
                self._waiting.popleft()
            self._waiting.append(errand)
            self._news.notify()

    def wake(self) -> None:
        """Let the thread see that it is to end, behind all that waits."""
        with self._news:
            self._news.notify()

    def run(self) -> None:
        """Do one thing after another."""
        while (errand := self._next()) is not None:
            try:
                errand()
            except Exception as error:
                self.stumble(_named(errand), error)

    def _next(self) -> Callable[[], object] | None:
        """What is to be done now, as soon as there is something; None: the end."""
        with self._news:
            while not self._waiting and not self.stopping.is_set():
                self._news.wait()
            if not self._waiting or (self._drop and self.stopping.is_set()):
                self._ended = True
                return None
            return self._waiting.popleft()


def _named(errand: Callable[[], object]) -> str:
    """What an errand is called in a log: not all that it holds, which may be a clip's sound."""
    work = errand.func if isinstance(errand, partial) else errand
    return str(getattr(work, "__qualname__", type(work).__name__))


def _as_error(raised: BaseException) -> Exception:
    """A library's sys.exit, or a panic of its own, is as little a reason to end as any error."""
    if isinstance(raised, Exception):
        return raised
    error = RuntimeError(repr(raised))
    error.__cause__ = raised
    return error
