"""The thread that empties a UDP socket faster than a burst fills it."""

from __future__ import annotations

import logging
import selectors
import socket
import threading
from collections import deque
from collections.abc import Callable
from time import perf_counter_ns
from typing import Final

from mula_bridge.subscriptions import Peer

Datagram = tuple[bytes, Peer, int]
"""What came, from where, and when (``perf_counter_ns``)."""
Take = Callable[[list[Datagram]], float | None]
"""Handles a batch on the receiver's thread. Returns the seconds after which it wants to
be called again, with whatever came, if only nothing; None: when something comes."""

MAX_DATAGRAM: Final = 65_536
DRAIN: Final = 8192
BATCH: Final = 64
MAX_WAITING: Final = 8 << 20
"""Bytes of datagrams read and not handled yet; beyond it the kernel keeps and drops."""
_OVERHEAD: Final = 64  # bytes counted on top of each, so that empty ones are bounded too

log = logging.getLogger(__name__)


class Receiver:
    """Reads ``opened``, which is non-blocking, and hands over what comes, in order.

    The kernel's buffer may be as small as a few hundred datagrams, and reading one
    takes a fraction of handling it. So every turn reads all there is, up to a hundred
    times as many as it then handles; a burst waits here instead of being lost.
    """

    def __init__(self, opened: socket.socket, take: Take) -> None:
        self._socket = opened
        self._take = take
        self._waiting: deque[Datagram] = deque()
        self._room = MAX_WAITING
        self._stopping = False
        self._wake, self._woken = socket.socketpair()
        self._thread = threading.Thread(target=self._run, name="osc", daemon=True)

    def start(self) -> None:
        """Begin reading."""
        self._thread.start()

    def stop(self, timeout: float = 2.0) -> None:
        """End the thread, once it is through with its batch. Any thread."""
        self._stopping = True
        self._wake.close()
        if threading.current_thread() is not self._thread:
            self._thread.join(timeout)

    def _run(self) -> None:
        with selectors.DefaultSelector() as selector, self._woken:
            selector.register(self._socket, selectors.EVENT_READ)
            selector.register(self._woken, selectors.EVENT_READ)
            pause: float | None = None
            while True:
                if not self._waiting:
                    selector.select(pause)
                if self._stopping:
                    return
                self._drain()
                pause = self._hand_over()

    def _drain(self) -> None:
        receive, add = self._socket.recvfrom, self._waiting.append
        for _ in range(DRAIN):
            if self._room <= 0:
                return
            try:
                data, sender = receive(MAX_DATAGRAM)
            except BlockingIOError:
                return
            except OSError:
                # Windows reports here that somebody we answered had gone (ECONNRESET).
                continue
            add((data, sender[:2], perf_counter_ns()))
            self._room -= len(data) + _OVERHEAD

    def _hand_over(self) -> float | None:
        count = min(BATCH, len(self._waiting))
        batch = [self._waiting.popleft() for _ in range(count)]
        self._room += sum(len(data) for data, _, _ in batch) + count * _OVERHEAD
        try:
            return self._take(batch)
        except Exception:  # a bug must not take OSC away in the middle of a session
            log.exception("could not handle what came in")
            return None
