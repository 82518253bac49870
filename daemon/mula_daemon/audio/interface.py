"""The daemon's side of the audio process: start it, feed it, replace it when it dies or hangs."""

from __future__ import annotations

import multiprocessing
import threading
from collections.abc import Callable
from multiprocessing.process import BaseProcess
from time import monotonic
from typing import Final

from mula_bridge.control import Service
from mula_bridge.net import MOST_STUCK, Children, Connection
from mula_daemon.audio.interface_worker import InterfaceState
from mula_daemon.audio.interface_worker import main as worker_main
from mula_daemon.audio.outlet import InterfaceOutlet, Nowhere, Outlet
from mula_daemon.audio.patience import LOOK_S, Patience
from mula_daemon.audio.shared_ring import SharedRing
from mula_daemon.settings import OutputSettings

LEAVE_S: Final = 1.0
"""How long it may take to close its interface; what is left then, the system closes."""
KILL_S: Final = 0.5
"""How long the system may take to end what was killed; a driver can hold it, and it is let be."""
FIRST_PAUSE_S: Final = 0.2
LONGEST_PAUSE_S: Final = 10.0
"""Between the end of a process and the next one: twice as long each time, up to here, unless it
did well."""
GOOD_S: Final = 5.0
"""A process that has had its interface for so long did well."""


class Interface(Service):
    """One audio interface, kept open: ``outlet`` is it, or nowhere while it is away.

    A process that dies or hangs is replaced, after ever longer rests, for as long as it takes.

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
        self.state = InterfaceState(problem="no audio output has answered yet")
        """What there is now."""
        self._process: BaseProcess | None = None
        self._children = Children()
        self._pause_s = FIRST_PAUSE_S

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

    # --- the supervisor's thread --------------------------------------------------------------

    def run(self) -> None:
        """Look for it, keep it open, and look for it again when it went."""
        while not self.stopping.is_set():
            with self.item("keeping the audio process"):
                self._keep()
            self.stopping.wait(self._pause_s)
            self._pause_s = min(2 * self._pause_s, LONGEST_PAUSE_S)

    def _keep(self) -> None:
        """Have one process, until it is gone. Raises OSError where there is none to be had."""
        try:
            ring = SharedRing()
            try:
                self._live(ring)
            finally:
                if isinstance(self._outlet, InterfaceOutlet):
                    self._outlet = Nowhere(self._outlet.rate, ahead=self._buffer)
                ring.unlink()
        except OSError as error:
            self._turn(
                InterfaceState(
                    problem=f"the audio process cannot be had: {error}; make room in memory, end "
                    "other programs or raise the limit of open files; it is tried again"
                )
            )
            raise

    def _live(self, ring: SharedRing) -> None:
        """Spawn one process and listen to it until it is gone, or hangs, and is ended."""
        if self._children.stuck:
            self._turn(
                InterfaceState(
                    problem=f"{MOST_STUCK} audio processes hang in a driver and cannot be ended; "
                    "unplug the interface that hangs, or restart the machine"
                )
            )
            return
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        process = context.Process(
            target=worker_main,
            args=(theirs, ring.name, self._settings),
            name="mula-audio",
            daemon=True,
        )
        hangs = False
        with ours:
            with theirs:
                process.start()
            self._process = process
            try:
                hangs = self._listen(ours, ring)
            finally:
                ours.close()  # whatever it does, it leaves
                if not hangs:
                    process.join(LEAVE_S)
                self._children.end(process, KILL_S)
                self._process = None

    def _listen(self, ours: Connection, ring: SharedRing) -> bool:
        """Hear what the process says of the interface until it is gone; True: it hangs."""
        patience = Patience(ring, self._settings.device)
        told, opened_at = False, monotonic()
        try:
            while not self.stopping.is_set():
                if ours.poll(LOOK_S):
                    news = ours.recv()
                    patience.hear(news)
                    if isinstance(news, InterfaceState):
                        told = True
                        if news.output is not None:
                            opened_at = monotonic()
                            self._outlet = InterfaceOutlet(ring, news.output.rate, self._buffer)
                        self._turn(news)
                elif patience.is_over():
                    self._turn(InterfaceState(problem=patience.verdict))
                    return True
        except (EOFError, OSError):
            if patience.plays is not None or not told:
                name = patience.plays.name if patience.plays is not None else ""
                problem = f"the audio output {name} ended its process".strip()
                self._turn(InterfaceState(problem=problem))
        finally:
            played = isinstance(self._outlet, InterfaceOutlet)
            if played and monotonic() - opened_at > GOOD_S:
                self._pause_s = FIRST_PAUSE_S
        return False

    def _turn(self, state: InterfaceState) -> None:
        """Tell of it; of what ends one process after another, once."""
        if state == self.state:
            return
        self.state = state
        self._settled.set()
        with self.item("the news of the audio output"):  # who listens must not end the sound
            self._changed(state)
