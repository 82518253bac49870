"""Processes of our own: the pipe to one, and those that not even a kill ends."""

from __future__ import annotations

import contextlib
import sys
from multiprocessing.process import BaseProcess
from typing import Final

if sys.platform == "win32":
    from multiprocessing.connection import PipeConnection

    Connection = PipeConnection
else:
    from multiprocessing.connection import Connection as Connection

MOST_STUCK: Final = 4
"""So many that hang in the kernel are left behind; one more would meet the same driver."""


class Children:
    """Ends processes, and knows those that are left because a driver holds them. One thread."""

    def __init__(self) -> None:
        self._stuck: list[BaseProcess] = []

    def end(self, process: BaseProcess, within_s: float) -> None:
        """Kill a process that was started, and wait ``within_s`` seconds at most for its end."""
        with contextlib.suppress(OSError, ValueError):
            process.kill()
            process.join(within_s)
            if process.is_alive():
                self._stuck.append(process)

    @property
    def stuck(self) -> bool:
        """Whether so many are left that another one makes no sense until one of them ends."""
        self._stuck = [one for one in self._stuck if one.is_alive()]
        return len(self._stuck) >= MOST_STUCK
