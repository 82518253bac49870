"""The daemon's side of the process that holds the MIDI ports: start it, tell it what is wanted,
hear it, and replace it when it hangs or dies."""

from __future__ import annotations

import contextlib
import logging
import math
import multiprocessing
from collections.abc import Callable
from multiprocessing.process import BaseProcess
from threading import Lock
from time import monotonic
from typing import Final, Protocol

from mula_bridge.control import Service
from mula_bridge.errors import Unavailable
from mula_bridge.midi.port_messages import (
    Arrived,
    PortNews,
    PortOrder,
    PortRemark,
    PortsChanged,
    PortsSeen,
    PortTrouble,
    PortWish,
    Say,
)
from mula_bridge.midi.ports_worker import main as worker_main
from mula_bridge.net import MOST_STUCK, Children, Connection, hurry

STALL_S: Final = 2.0
"""A process that says nothing for so long hangs; it says something every half second."""
LOOK_S: Final = 0.25
"""Silence is counted in looks of so long, not by a clock: a machine that slept has not hung."""
START_S: Final = 30.0
"""What a new one may take to say its first word: a busy machine reads Python's files slowly."""
LEAVE_S: Final = 1.0
"""How long it may take to close its ports; what is left then, the system closes."""
FIRST_PAUSE_S: Final = 0.1
LONGEST_PAUSE_S: Final = 3.0
"""Between the end of a process and the next one: twice as long each time, up to here, unless it
did well."""
GOOD_S: Final = 5.0
"""A process that has had the ports for so long did well: what goes wrong next is news."""
POLL_SECONDS: Final = 0.25
"""How often port names are looked at. No hand pulls a plug and puts it back between two looks, and
a look takes well under a millisecond."""

log = logging.getLogger(__name__)

MOST_SAID: Final = 64
"""So many different troubles are told before all has been well for a while."""

Tell = Callable[[PortNews], None]
"""Takes news of the ports; on a thread of whoever has them, and must not block."""


class MidiPorts(Protocol):
    """Keeps the machine's MIDI ports open. Any thread may call it; nothing here waits for long."""

    def start(self) -> None: ...
    def stop(self) -> None: ...
    def wish(self, wish: PortWish) -> None:
        """Say which ports to keep open from now on."""

    def send(self, output: str, data: bytes) -> None:
        """Say something on every open output that the pattern ``output`` matches."""


class Ports(Service):
    """The MIDI ports of a system, in a process of their own.

    ``api`` is alsa, jack, core or windows, None this system's own. While there is no such process,
    or none that has said a word yet, what is sent is forgotten: everything is told anew with the
    next ``PortsChanged`` that is ``fresh``.
    """

    def __init__(
        self, tell: Tell, api: str | None = None, poll_seconds: float = POLL_SECONDS
    ) -> None:
        super().__init__("midi ports")
        self._tell_news = tell
        self._api = api
        self._poll_seconds = poll_seconds
        self._lock = Lock()  # of the connection's sending side, and of the wish
        self._wish: PortWish | None = None
        self._process: BaseProcess | None = None
        self._connection: Connection | None = None
        self._obeys = False
        """Whether the process has begun to take orders: the pipe holds few, and it may be long
        before its first word."""
        self._children = Children()
        self._open: tuple[str, ...] = ()
        self._said: set[str] = set()
        self._seen_at: float | None = None
        self._pause_s = FIRST_PAUSE_S

    @property
    def pid(self) -> int | None:
        """Process id of the process with the ports, while there is one."""
        process = self._process
        return process.pid if process is not None else None

    def wish(self, wish: PortWish) -> None:
        """Say which ports to keep open from now on. Any thread."""
        with self._lock:
            self._wish = wish
            self._order(wish)

    def send(self, output: str, data: bytes) -> None:
        """Say something on every output that matches. Waits while a process that had begun to
        take orders takes no more, which is until it is ended, ``STALL_S``, at most. Any thread."""
        with self._lock:
            self._order(Say(output, data))

    def wake(self) -> None:
        """Let the ports go."""
        process, connection = self._process, self._connection
        if process is None or connection is None:
            return
        if self._lock.acquire(timeout=LEAVE_S):  # somebody may be telling one that hangs
            with contextlib.suppress(OSError):
                connection.send(None)
            self._lock.release()
        process.join(LEAVE_S)
        if process.is_alive():
            process.kill()

    def run(self) -> None:
        """Keep a process, and replace it when it is gone; ever more rarely, but always."""
        hurry()
        while not self.stopping.is_set():
            why = ""
            with self.item("keeping them open"):  # no memory, or no process: there may be, later
                try:
                    why = self._live()
                finally:
                    self._leave()
            if self.stopping.is_set():
                return
            if why:
                self.stumble("keeping them open", Unavailable(why))
            self.stopping.wait(self._pause_s)
            self._pause_s = min(2 * self._pause_s, LONGEST_PAUSE_S)

    def _live(self) -> str:
        """Spawn one process, and listen to it until it is gone; why it is, unless it said so."""
        if self._children.stuck:
            return (
                f"{MOST_STUCK} processes with MIDI ports hang in a driver and cannot be ended; "
                "unplug the device that hangs, or restart the machine"
            )
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        process = context.Process(
            target=worker_main,
            args=(theirs, self._api, self._poll_seconds),
            name="mula-midi",
            daemon=True,
        )
        try:
            process.start()
        except BaseException:
            ours.close()
            raise
        finally:
            theirs.close()
        self._process = process
        self._connection = ours
        if self.stopping.is_set():
            return ""
        limit, told, self._seen_at = START_S, False, None
        with contextlib.suppress(EOFError, OSError):
            while says_something(ours, limit):
                news: PortNews = ours.recv()
                self._begin_orders()
                told = isinstance(news, PortTrouble) and news.address == "midi"
                limit = STALL_S
                with self.item("news of the ports"):
                    self._take(news)
            return (
                f"MIDI does not answer for {limit:g} s (a driver or the JACK server hangs); "
                "its ports are opened anew until they do"
            )
        return "" if told else "the process with the MIDI ports ended; they are opened anew"

    def _leave(self) -> None:
        """End what is left of the process, and say that its ports are gone."""
        if self._process is not None:
            self._children.end(self._process, LEAVE_S)
        with self._lock:
            connection, self._connection = self._connection, None
            self._obeys = False
            if connection is not None:
                connection.close()
        self._process = None
        gone, self._open = frozenset(self._open), ()
        if gone:
            self._tell_news(PortsChanged((), gone))

    def _take(self, news: PortNews) -> None:
        if self._seen_at is not None and monotonic() - self._seen_at > GOOD_S:
            self._said.clear()
            self._pause_s = FIRST_PAUSE_S
        match news:
            case PortTrouble():
                self._trouble(news)
            case PortsChanged(open=ports):
                self._open = ports
                self._tell_news(news)
            case PortsSeen():
                self._seen_at = self._seen_at or monotonic()
                self._tell_news(news)
            case Arrived():
                self._tell_news(news)
            case PortRemark(level, text):
                log.log(level, "MIDI, in its process: %s", text)

    def _trouble(self, trouble: PortTrouble) -> None:
        """Tell of it once, until a process did well."""
        if trouble.address == "midi":
            self._seen_at = None
        if trouble.text not in self._said and len(self._said) < MOST_SAID:
            self._said.add(trouble.text)
            self._tell_news(trouble)

    def _begin_orders(self) -> None:
        """With the first word of a process: say what is wanted of it."""
        if not self._obeys:
            with self._lock:
                self._obeys = True
                if self._wish is not None:
                    self._order(self._wish)

    def _order(self, order: PortOrder) -> None:
        if self._connection is not None and self._obeys:
            with contextlib.suppress(OSError):  # the reader's side sees it, too
                self._connection.send(order)


def says_something(connection: Connection, within_s: float) -> bool:
    """Whether anything comes in ``within_s`` seconds of looking for it."""
    return any(connection.poll(LOOK_S) for _ in range(math.ceil(within_s / LOOK_S)))
