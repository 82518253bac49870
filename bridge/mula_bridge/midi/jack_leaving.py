"""Leaving JACK: ports are closed one at a time, and when nothing has changed for a while.

JACK tells every client of every change in its graph, a period later and on a thread of the
client's own, which then walks the client's list of ports. Taking a port off that list at
that moment, as rtmidi does before it leaves, frees what is being walked: the process dies
(jackaudio/jack2#216; seen in the libjack that python-rtmidi 1.5.8 brings along). A client that
goes is itself a change, so the ports of one controller, closed one right after the other, are
enough.
"""

from __future__ import annotations

import logging
from queue import SimpleQueue
from threading import Thread
from time import monotonic, sleep
from typing import Any, Final

log = logging.getLogger(__name__)

REST_SECONDS: Final = 0.1
"""How long the graph is left alone before a port is closed: longer than a period of 4,096
samples at 44.1 kHz, after which the last change has been told."""


class JackLeaving:
    """A thread that closes rtmidi ports on JACK. Any thread may call it."""

    def __init__(self, rest_seconds: float = REST_SECONDS) -> None:
        self._rest = rest_seconds
        self._changed_at = monotonic()
        self._going: SimpleQueue[Any] = SimpleQueue()
        self._thread = Thread(target=self._work, name="jack leaving", daemon=True)
        self._thread.start()

    def changed(self) -> None:
        """The graph changes now: a port is opened."""
        self._changed_at = monotonic()

    def add(self, client: Any) -> None:
        """Close this rtmidi client soon; nobody uses it any more. Returns at once."""
        self._changed_at = monotonic()
        self._going.put(client)

    def finish(self) -> None:
        """Returns when all are closed; then there is no thread any more."""
        self._going.put(None)
        self._thread.join()

    def _work(self) -> None:
        while (client := self._going.get()) is not None:
            while (early := self._changed_at + self._rest - monotonic()) > 0:
                sleep(early)
            try:
                client.close_port()
                client.delete()
            except Exception:  # a server that died meanwhile; the rest still have to go
                log.exception("closing a MIDI port")
            self._changed_at = monotonic()
