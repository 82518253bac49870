"""Notices an engine that hangs: one that says nothing for longer than it may take."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Final

from mula_bridge.control import Service

SLICE_S: Final = 1.0
"""Silence is counted in looks, not by a clock: a machine that sleeps is no engine that hangs."""


class Vigil(Service):
    """Counts an engine's silence on a thread of its own, since whoever listens may be stuck in
    the middle of a message, and whoever writes in a full pipe."""

    def __init__(self, end: Callable[[], None]) -> None:
        """``end`` kills the engine that runs now; called on this service's thread."""
        super().__init__("engine-vigil")
        self._end = end
        self._patience_s: float | None = None
        self._silent_s = 0.0
        self.verdict = ""
        """Why the engine was ended, in words; empty while nothing was wrong."""

    @contextlib.contextmanager
    def waiting(self, patience_s: float) -> Iterator[None]:
        """Give the engine ``patience_s`` seconds to say something. The listener's thread."""
        self._silent_s, self._patience_s = 0.0, patience_s
        try:
            yield
        finally:
            self._patience_s = None

    def run(self) -> None:
        """Count."""
        while not self.stopping.wait(SLICE_S):
            with self.item("looking after the engine"):
                self.look()

    def look(self) -> None:
        """Add one look's silence, and end the engine when it was too much."""
        patience = self._patience_s
        self._silent_s += SLICE_S
        if patience is None or self._silent_s < patience + SLICE_S:
            return
        self.verdict = f"it hung: no sign of it for {patience:g} s, so it was ended"
        self._end()
        self._silent_s = 0.0
