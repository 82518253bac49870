"""All that a daemon says over OSC while it is soaked."""

from __future__ import annotations

import itertools
import socket
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from time import monotonic
from typing import Any, Final

from mula_bridge.osc import Value, encode, wire

ROOM: Final = 1 << 22
"""Bytes of the receive buffer: nothing said should be lost on our side."""
KEPT: Final = 2048
"""Messages of one address that are remembered."""
EVERYTHING: Final = ("/mula/*", "/mula/*/*")

Args = tuple[Any, ...]


class Ears:
    """A subscriber that never goes away. ``send`` and ``wait`` are for any thread."""

    def __init__(self, host: str, port: int) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, ROOM)
        self._socket.connect((host, port))
        self._socket.settimeout(0.25)
        self._said: dict[str, deque[tuple[float, Args]]] = {}
        self._news = threading.Condition()
        self._listeners: list[Callable[[str, Args], None]] = []
        self._tokens = itertools.count(1)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._hear, name="soak ears", daemon=True)
        self._thread.start()

    def listen(self, listener: Callable[[str, Args], None]) -> None:
        """Have somebody told of each message, on the thread that hears it."""
        self._listeners.append(listener)

    def subscribe(self) -> None:
        """Ask for everything, which is renewed by whatever is sent later."""
        self.send("/mula/subscribe", *EVERYTHING)

    def send(self, address: str, *args: Value) -> None:
        """Send a message; a daemon that is not there is no error."""
        with suppress(OSError):
            self._socket.send(encode(address, args))

    def wait(
        self, address: str, seconds: float, test: Callable[[Args], object], *, since: float = 0.0
    ) -> Args | None:
        """The first message to ``address`` heard after ``since`` (monotonic) that passes
        ``test``, which may be yet to come; None after ``seconds``."""
        end = monotonic() + seconds
        with self._news:
            while True:
                for at, args in self._said.get(address, ()):
                    if at >= since and test(args):
                        return args
                left = end - monotonic()
                if left <= 0:
                    return None
                self._news.wait(left)

    def pinged(self, seconds: float) -> bool:
        """Whether the daemon answers."""
        token = next(self._tokens)
        now = monotonic()
        self.send("/mula/ping", token)
        return (
            self.wait("/mula/pong", seconds, lambda args: args == (token,), since=now) is not None
        )

    def last(self, address: str) -> Args | None:
        """The newest message to ``address``."""
        with self._news:
            said = self._said.get(address)
            return said[-1][1] if said else None

    def close(self) -> None:
        """Go deaf."""
        self._stopping.set()
        self._thread.join(2)
        self._socket.close()

    def _hear(self) -> None:
        while not self._stopping.is_set():
            try:
                messages = wire.decode(self._socket.recv(65_536))
            except (OSError, wire.OscError):  # silence, or nobody listens there
                continue
            for message in messages:
                for listener in self._listeners:
                    listener(message.address, message.args)
                with self._news:
                    said = self._said.setdefault(message.address, deque(maxlen=KEPT))
                    said.append((monotonic(), message.args))
                    self._news.notify_all()
