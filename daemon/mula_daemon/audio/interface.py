"""The daemon's side of the audio process: start it, feed it, replace it when it dies."""

from __future__ import annotations

import contextlib
import multiprocessing
import sys
import threading
from collections.abc import Callable
from multiprocessing.process import BaseProcess
from typing import Final

from mula_bridge.control import Service
from mula_daemon.audio.interface_worker import InterfaceState
from mula_daemon.audio.interface_worker import main as worker_main
from mula_daemon.audio.outlet import InterfaceOutlet, Nowhere, Outlet
from mula_daemon.audio.shared_ring import SharedRing
from mula_daemon.settings import OutputSettings

if sys.platform == "win32":
    from multiprocessing.connection import PipeConnection as Connection
else:
    from multiprocessing.connection import Connection

RETRY_SECONDS: Final = 0.2
"""Before a process that lost its interface is replaced; ten times that for one that never had
one, which searches by itself and should not have ended."""


class Interface(Service):
    """One audio interface, kept open: ``outlet`` is it, or nowhere while it is away.

    ``changed`` is called with each new state, on a thread of this class. Every method: any
    thread; the outlet itself is the feeder's.
    """

    def __init__(
        self,
        settings: OutputSettings,
        changed: Callable[[InterfaceState], None] = lambda state: None,
        *,
        buffer: float = 0.03,
    ) -> None:
        """``buffer``: seconds written ahead of the interface's own buffer, for a feeder that is
        kept waiting. Call ``start``."""
        super().__init__("interface")
        self._settings = settings
        self._changed = changed
        self._buffer = buffer
        self._outlet: Outlet = Nowhere(ahead=buffer)
        self._settled = threading.Event()
        self.state = InterfaceState(problem="looking for an audio output")
        """What there is now."""
        self._process: BaseProcess | None = None
        self._connection: Connection | None = None

    def wait(self, timeout: float) -> InterfaceState:
        """The first verdict, or the state after ``timeout`` seconds."""
        self._settled.wait(timeout)
        return self.state

    @property
    def pid(self) -> int | None:
        """Process id of the audio process, while there is one."""
        process = self._process
        return process.pid if process is not None else None

    def outlet(self) -> Outlet:
        """Where frames go now."""
        return self._outlet

    def wake(self) -> None:
        """Let the interface go."""
        connection, process = self._connection, self._process
        if connection is not None:
            with contextlib.suppress(OSError):
                connection.send(None)  # whatever it is, it says goodbye
        if process is not None:
            process.join(1.0)
            if process.is_alive():
                process.kill()

    # --- the supervisor's thread --------------------------------------------------------------

    def run(self) -> None:
        """Look for it, keep it open, and look for it again when it went."""
        while not self.stopping.is_set():
            opened = False
            with self.item("keeping the audio process"):
                ring = SharedRing()
                try:
                    self._live(ring)
                finally:
                    opened = isinstance(self._outlet, InterfaceOutlet)
                    self._leave()
                    ring.unlink()
            self.stopping.wait(RETRY_SECONDS if opened else 10 * RETRY_SECONDS)

    def _live(self, ring: SharedRing) -> None:
        """Spawn one process and listen to it until it is gone."""
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        process = context.Process(
            target=worker_main,
            args=(theirs, ring.name, self._settings),
            name="mula-audio",
            daemon=True,
        )
        with ours:
            with theirs:
                process.start()
            self._process, self._connection = process, ours
            try:
                self._listen(ours, ring)
            finally:
                process.join(1.0)
                if process.is_alive():
                    process.kill()

    def _listen(self, ours: Connection, ring: SharedRing) -> None:
        """Hear what the process says of the interface until it is gone."""
        told: InterfaceState | None = None
        try:
            while not self.stopping.is_set():
                told = ours.recv()
                if told.output is not None:
                    self._outlet = InterfaceOutlet(ring, told.output.rate, self._buffer)
                self._turn(told)
        except (EOFError, OSError):
            pass
        finally:
            if not self.stopping.is_set() and (told is None or told.output is not None):
                name = self.state.output.name if self.state.output else ""
                problem = f"the audio output {name} ended its process".strip()
                self._turn(InterfaceState(problem=problem))

    def _leave(self) -> None:
        if isinstance(self._outlet, InterfaceOutlet):
            self._outlet = Nowhere(self._outlet.rate, ahead=self._buffer)

    def _turn(self, state: InterfaceState) -> None:
        self.state = state
        self._settled.set()
        with self.item("the news of the audio output"):  # who listens must not end the sound
            self._changed(state)
