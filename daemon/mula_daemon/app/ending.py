"""How the daemon ends: everything in its order, and all of it within one time."""

from __future__ import annotations

import atexit
import faulthandler
import logging
import multiprocessing
import threading
from collections.abc import Callable
from time import monotonic
from types import TracebackType
from typing import Final, Self

END_S: Final = 40.0
"""For everything together. The last files have 30 s of it (``running``)."""
LEAST_S: Final = 0.1
"""For each one that is left when that time is over: enough for what does not hang."""
SAY_S: Final = 2.0
"""Who is waited for longer than this is named."""
LOOK_S: Final = 0.1
"""A wait is cut into such pieces, because on Windows no signal is heard in a long one."""
OURS: Final = "mula-"
"""How the names of our processes begin."""
EXIT_S: Final = 5.0
"""For the interpreter to leave when something was left behind."""

log = logging.getLogger(__name__)


class Ending:
    """A context that ends what was begun within it, the last first. For one thread.

    What hangs is left behind after its time, what fails is logged, and neither costs another its
    end: the whole takes ``END_S``, and ``LEAST_S`` more for each that comes after that. A second
    signal, as a KeyboardInterrupt, ends it at once. Where something was left behind, or a process
    of ours is still there because not even a kill ended it, the interpreter's own end is limited,
    too: it waits for threads and processes without a limit.
    """

    def __init__(self) -> None:
        self.left: list[str] = []
        """What did not end, by name."""
        self._ends: list[tuple[str, Callable[[], object]]] = []

    def callback(self, end: Callable[[], object], name: str = "") -> None:
        """Call ``end`` at the end, before all that was handed in earlier. A service's ``stop``
        has its name, what has none should be given one."""
        owner = getattr(end, "__self__", end)
        self._ends.append((name or getattr(owner, "name", type(owner).__name__), end))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        until = monotonic() + END_S
        name = ""
        try:
            while self._ends:
                name, end = self._ends.pop()
                if not _ended(name, end, max(until - monotonic(), LEAST_S)):
                    self.left.append(name)
        except BaseException:  # a second signal
            self.left += [name, *(name for name, _ in reversed(self._ends))]
            self._ends.clear()
            raise
        finally:
            if self.left or _children():
                atexit.register(faulthandler.dump_traceback_later, EXIT_S, exit=True)


def _children() -> list[str]:
    """Processes of ours that are there although whoever had them has ended."""
    every = multiprocessing.active_children()
    return [child.name for child in every if child.name.startswith(OURS)]


def _ended(name: str, end: Callable[[], object], limit_s: float) -> bool:
    """Whether ``end`` came to an end in its time."""

    def guarded() -> None:
        try:
            end()
        except Exception:  # the others have to end as well
            log.exception("%s did not end as it should", name)

    thread = threading.Thread(target=guarded, name=f"end of {name}", daemon=True)
    began, named = monotonic(), False
    try:
        thread.start()
    except RuntimeError:  # no more threads in this system
        guarded()
        return True
    while thread.is_alive() and (waited := monotonic() - began) < limit_s:
        thread.join(min(LOOK_S, limit_s - waited))
        if not named and monotonic() - began > SAY_S and thread.is_alive():
            named = True
            log.warning(
                "waiting for %s to end, %.0f s at most; Ctrl-C does not wait", name, limit_s
            )
    if thread.is_alive():
        log.error("%s did not end in %.1f s and is left behind", name, limit_s)
    return not thread.is_alive()
