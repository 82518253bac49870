"""A call that an event loop is to make later, once, however often it is asked for."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


class LoopTimer:
    """Calls ``function`` on the running loop. That loop's thread."""

    def __init__(self, function: Callable[[], object]) -> None:
        self._function = function
        self._handle: asyncio.TimerHandle | None = None

    def call_in(self, seconds: float) -> None:
        """Call after so many seconds; a call that is still to come stands as it is."""
        loop = asyncio.get_running_loop()
        if self._handle is None or self._handle.when() <= loop.time():
            self._handle = loop.call_later(seconds, self._function)

    def cancel(self) -> None:
        """Forget the call that is to come."""
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None
