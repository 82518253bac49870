"""Leaving JACK: ports are closed one at a time, and when nothing has changed for a while.

JACK tells every client of every change in its graph, a period later and on a thread of the
client's own, which then walks the client's list of ports. Taking a port off that list at
that moment, as rtmidi does before it leaves, frees what is being walked: the process dies
(jackaudio/jack2#216; seen in the libjack that python-rtmidi 1.5.8 brings along). A client that
goes is itself a change, so the ports of one controller, closed one right after the other, are
enough.
"""

from __future__ import annotations

from functools import partial
from time import monotonic, sleep
from typing import Any, Final

from mula_bridge.control import Errands

REST_SECONDS: Final = 0.1
"""How long the graph is left alone before a port is closed: longer than a period of 4,096
samples at 44.1 kHz, after which the last change has been told."""


class JackLeaving(Errands):
    """A thread that closes rtmidi ports on JACK. Any thread may call it."""

    def __init__(self, rest_seconds: float = REST_SECONDS) -> None:
        super().__init__("jack leaving")
        self._rest = rest_seconds
        self._changed_at = monotonic()

    def changed(self) -> None:
        """The graph changes now: a port is opened."""
        self._changed_at = monotonic()

    def add(self, client: Any) -> None:
        """Close this rtmidi client soon; nobody uses it any more. Returns at once."""
        self._changed_at = monotonic()
        self.do(partial(self._close, client))

    def _close(self, client: Any) -> None:
        """What it raises comes of a server that died meanwhile; the rest still have to go."""
        while (early := self._changed_at + self._rest - monotonic()) > 0:
            sleep(early)
        try:
            client.close_port()
            client.delete()
        finally:
            self._changed_at = monotonic()
