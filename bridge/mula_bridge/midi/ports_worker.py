"""The process that holds the MIDI ports: it opens, lists, reads and closes them, and knows
nothing else.

A driver or a JACK server that hangs holds whoever calls it, and rtmidi keeps the interpreter
meanwhile. Here that is nobody's: the daemon ends this process and begins another.
"""

from __future__ import annotations

import contextlib
import logging
import os
import signal
from collections.abc import Callable
from functools import partial
from multiprocessing.connection import Connection
from threading import Condition, Lock
from time import monotonic
from typing import Final, Never

from mula_bridge.control import Service
from mula_bridge.midi.backend import RtMidi
from mula_bridge.midi.backlog import MidiBacklog, Said
from mula_bridge.midi.port_keeper import PortKeeper
from mula_bridge.midi.port_messages import (
    Arrived,
    PortBeat,
    PortNews,
    PortOrder,
    PortRemark,
    PortTrouble,
)
from mula_bridge.midi.reader import Heard
from mula_bridge.net import RateLimit, call_process, hurry
from mula_bridge.speech import mute_drivers, unfailing

SELF_DESTRUCT_S: Final = 5
"""A process that hangs while its daemon is gone ends after so long, where there are alarms."""
REMARKS_A_SECOND: Final = 10
"""What is logged beyond that is lost: whatever it is about, it was said."""
_BATCH: Final = 256


@unfailing()
def main(connection: Connection, api: str | None, poll_seconds: float) -> None:
    """Keep ports until the daemon is gone or says so. Leaves by ``os._exit``: whoever may hang
    has had its chance."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the daemon decides when we stop
    mute_drivers()
    call_process("mula-midi")
    pipe = _Pipe(connection)
    logging.getLogger().addHandler(_Remarks(pipe.tell))
    outbox = _Outbox(pipe.tell)
    outbox.on_death = lambda service, what, error: _end(pipe, error)
    outbox.start()
    try:
        with contextlib.suppress(OSError):
            PortKeeper(
                partial(RtMidi, api), pipe.receive, pipe.tell, outbox.hearer, poll_seconds
            ).run()
    except Exception as error:
        _end(pipe, error)
    os._exit(0)


def _end(pipe: _Pipe, error: Exception) -> Never:
    """End the process because of ``error``. Any thread."""
    with contextlib.suppress(OSError):  # the daemon begins another one, and should know why
        pipe.tell(PortTrouble("midi", "error", f"MIDI: {error!r}; its ports are opened anew"))
    os._exit(1)


class _Remarks(logging.Handler):
    """Has the daemon log what is logged here at warning and above: standard error is muted, and a
    log of our own nobody would find."""

    def __init__(self, tell: Callable[[PortNews], None]) -> None:
        super().__init__(logging.WARNING)
        self._tell = tell
        self._limit = RateLimit(REMARKS_A_SECOND)

    def emit(self, record: logging.LogRecord) -> None:
        """Pass a record on, unless there have been too many. Never raises."""
        with contextlib.suppress(Exception):
            if self._limit.allow(None, monotonic()):
                self._tell(PortRemark(record.levelno, self.format(record)))


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
    takes it. Where it cannot, it dies, and the process with it: inputs that nobody hears are no
    ports."""

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
            self._tell(Arrived(tuple((one.port, one.data, one.at_ns) for one in some)))
