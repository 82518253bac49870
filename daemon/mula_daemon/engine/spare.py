"""A process that has read an engine's libraries and waits, for the moment when the engine dies.

Reading torch takes longer than anything else of a start that a musician waits for. A small engine
is even warm by then; of a large one neither card nor weights are touched before it is told to
begin. One in waiting reads in a thread that lets all others go first: two seconds of a busy
processor would be heard in what the engine plays meanwhile.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import socket
import sys
import threading
from multiprocessing.process import BaseProcess
from time import monotonic
from typing import Final, NamedTuple

from mula_bridge.net import Connection
from mula_daemon.engine.engines import libraries
from mula_daemon.engine.messages import Begin, EngineSpec
from mula_daemon.engine.worker import main as worker_main

EXIT_S: Final = 1.0
"""How long a process that was killed may take to be gone."""
READING_S: Final = 120.0
"""How long one in waiting may read, and get warm, before it is taken for one that hangs."""


class EngineChild(NamedTuple):
    """A process for an engine, and our end of its pipe."""

    process: BaseProcess
    connection: Connection
    since: float = 0.0
    """When it was spawned (monotonic), in seconds."""

    def end(self, patience_s: float = 0.0) -> None:
        """Kill it, unless it leaves by itself within ``patience_s``, and let go of the pipe."""
        self.process.join(patience_s)
        if self.process.is_alive():
            with contextlib.suppress(OSError):
                self.process.kill()
            self.process.join(EXIT_S)
        if self.process.is_alive():
            self._hang_up()
        self.connection.close()

    def _hang_up(self) -> None:
        """Let nobody wait for one that cannot even be killed, as while it is in a driver."""
        if sys.platform != "win32":
            with (
                contextlib.suppress(OSError),
                socket.socket(fileno=os.dup(self.connection.fileno())) as end,
            ):
                end.shutdown(socket.SHUT_RDWR)


class Spare:
    """Has at most one process in waiting. Any thread."""

    def __init__(self, spec: EngineSpec) -> None:
        self._spec = spec
        self._lock = threading.Lock()
        self._waiting: EngineChild | None = None
        self._dropped = False

    def take(self) -> EngineChild:
        """The process that waits, or else a new one, told to begin. Raises OSError."""
        with self._lock:
            child, self._waiting = self._waiting, None
        if child is not None:
            with contextlib.suppress(OSError):  # it died waiting
                if child.connection.poll() or monotonic() - child.since < READING_S:
                    child.connection.send(Begin())
                    return child
            child.end()
        child = self._spawn(spare=False)
        try:
            child.connection.send(Begin())
        except OSError:
            child.end()
            raise
        return child

    def keep(self) -> None:
        """Have one wait, where reading the engine's libraries is worth it. Raises OSError."""
        with self._lock:
            waiting = self._waiting is not None and self._waiting.process.is_alive()
            if self._dropped or waiting or not libraries(self._spec):
                return
            if self._waiting is not None:
                self._waiting.end()
            self._waiting = self._spawn(spare=True)

    def drop(self) -> None:
        """End the one that waits, and keep none any more."""
        with self._lock:
            self._dropped = True
            if self._waiting is not None:
                self._waiting.end()
                self._waiting = None

    def _spawn(self, *, spare: bool) -> EngineChild:
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        try:
            process = context.Process(
                target=worker_main,
                args=(theirs, self._spec, spare),
                name="mula-engine",
                daemon=True,
            )
            process.start()
        except BaseException:
            ours.close()
            raise
        finally:
            theirs.close()
        return EngineChild(process, ours, monotonic())
