"""The process that holds the MIDI ports: it opens, lists, reads and closes them, and knows
nothing else.

A driver or a JACK server that hangs holds whoever calls it, and rtmidi keeps the interpreter
meanwhile. Here that is nobody's: the daemon ends this process and begins another.
"""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Callable
from functools import partial
from multiprocessing.connection import Connection
from threading import Condition, Lock
from typing import Final, Never

from mula_bridge.control import Service
from mula_bridge.midi.backend import RtMidi
from mula_bridge.midi.backlog import MidiBacklog, Said
from mula_bridge.midi.port_keeper import PortKeeper
from mula_bridge.midi.port_messages import Arrived, PortBeat, PortNews, PortOrder, PortTrouble
from mula_bridge.midi.reader import Heard
from mula_bridge.net import call_process, hurry
from mula_bridge.speech import mute_drivers, unfailing

SELF_DESTRUCT_S: Final = 5
"""A process that hangs while its daemon is gone ends after so long, where there are alarms."""
_BATCH: Final = 256


@unfailing()
def main(connection: Connection, api: str | None, poll_seconds: float) -> None:
    """Keep ports until the daemon is gone or says so. Leaves by ``os._exit``: whoever may hang
    has had its chance."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the daemon decides when we stop
    mute_drivers()
    call_process("mula-midi")
    pipe = _Pipe(connection)
    outbox = _Outbox(pipe.tell)
    outbox.start()
    try:
        with contextlib.suppress(OSError):
            PortKeeper(
                partial(RtMidi, api), pipe.receive, pipe.tell, outbox.hearer, poll_seconds
            ).run()
    except Exception as error:  # the daemon begins another one, and should know why
        with contextlib.suppress(OSError):
            pipe.tell(PortTrouble("midi", "error", f"MIDI: {error!r}"))
    os._exit(0)


class _Pipe:
    """The daemon's end, for two threads that tell and one that receives."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._lock = Lock()

    def tell(self, news: PortNews) -> None:
        if isinstance(news, PortBeat) and hasattr(signal, "alarm"):
            signal.alarm(SELF_DESTRUCT_S)
        with self._lock:
            self._connection.send(news)

    def receive(self, seconds: float) -> PortOrder | None:
        """Raises EOFError at the end."""
        if not self._connection.poll(seconds):
            return None
        order: PortOrder | None = self._connection.recv()
        if order is None:
            raise EOFError
        return order


class _Outbox(Service):
    """Takes what inputs say off their reader's hands, and passes it on as fast as the daemon
    takes it."""

    def __init__(self, tell: Callable[[PortNews], None]) -> None:
        super().__init__("midi outbox")
        self._tell = tell
        self._filled = Condition()
        self._backlog: MidiBacklog[Never] = MidiBacklog()

    def hearer(self, port: str) -> Heard:
        """Takes the messages of one input, on the reader's thread."""

        def hear(data: bytes, at_ns: int) -> None:
            with self._filled:
                self._backlog.hear(Said(port, data, at_ns))
                self._filled.notify()

        return hear

    def run(self) -> None:
        """Pass on what has come."""
        hurry()
        while not self.stopping.is_set():
            with self._filled:
                while not self._backlog:
                    self._filled.wait()
                some = [self._backlog.pop() for _ in range(min(_BATCH, len(self._backlog)))]
            try:
                self._tell(Arrived(tuple((one.port, one.data, one.at_ns) for one in some)))
            except OSError:  # nobody listens any more
                return
