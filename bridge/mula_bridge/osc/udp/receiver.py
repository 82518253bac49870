"""The thread that empties a UDP socket faster than one sender fills it."""

from __future__ import annotations

import selectors
import socket
from collections.abc import Callable
from time import perf_counter_ns, sleep
from typing import Final

from mula_bridge.control import Service
from mula_bridge.net import hurry
from mula_bridge.osc.udp.backlog import Backlog
from mula_bridge.osc.udp.reading import Datagram, reading

Take = Callable[[list[Datagram]], float | None]
"""Handles a batch on the receiver's thread. Returns the seconds after which it wants to
be called again, with whatever came, if only nothing; None: when something comes."""

BATCH: Final = 32
"""So many are handled before the socket is looked at again; a ping waits no longer."""
_READ_NS: Final = 4_000_000
_CLOSE_NS: Final = 1_000_000
_REST_S: Final = 0.0005
_FAULT_REST_S: Final = 0.02
"""After reading that failed, which the next may do as well."""


class Receiver(Service):
    """Reads ``opened``, which is non-blocking, and hands over what comes, in order.

    The kernel's buffer may be as small as a few hundred datagrams, and reading one
    takes a fraction of handling it. So every turn reads all there is before it handles a
    few; a burst waits in ``backlog`` instead of being lost, and what is urgent overtakes it.
    When there is something again within a millisecond it rests for half of one, to find more
    at once: waking up costs many times what a datagram does.
    """

    def __init__(self, opened: socket.socket, take: Take, backlog: Backlog) -> None:
        super().__init__("osc")
        self._socket = opened
        self._reading = reading(opened)
        self._take = take
        self.backlog = backlog
        """Read its counters from any thread."""
        self._waking, self._woken = socket.socketpair()

    def wake(self) -> None:
        """Let the thread see that it is to end, once it is through with its batch."""
        self._waking.close()

    def run(self) -> None:
        """Read, and hand over."""
        hurry()  # it works in short turns; while it waits for one, a burst overflows
        with selectors.DefaultSelector() as selector:
            selector.register(self._socket, selectors.EVENT_READ)
            selector.register(self._woken, selectors.EVENT_READ)
            pause: float | None = None
            done_ns = 0
            while True:
                if not self.backlog:
                    selector.select(pause)
                    if perf_counter_ns() - done_ns < _CLOSE_NS:
                        sleep(_REST_S)
                if self.stopping.is_set():
                    self._woken.close()
                    return
                try:
                    self._read()
                except Exception as error:  # the socket may be well again the next time
                    self.stumble("reading", error)
                    self.stopping.wait(_FAULT_REST_S)
                pause = self._hand_over(self.backlog.take(BATCH))
                done_ns = perf_counter_ns()

    def _read(self) -> None:
        """Everything that waits in the socket; not for ever, should more come all the time."""
        until = perf_counter_ns() + _READ_NS
        while datagrams := self._reading.read():
            urgent: list[Datagram] = []
            with self.item("sorting what came in"):
                urgent = self.backlog.extend(datagrams)
            if urgent:
                self._hand_over(urgent)
            if perf_counter_ns() > until:
                return

    def _hand_over(self, batch: list[Datagram]) -> float | None:
        try:
            return self._take(batch)
        except Exception as error:  # what waits behind it has done nothing wrong
            self.stumble("a batch of datagrams", error)
            return _FAULT_REST_S
