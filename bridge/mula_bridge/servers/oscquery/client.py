"""One websocket of an OSCQuery client: what it listens to, and what waits to be sent to it."""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from mula_bridge.net import Peer

if TYPE_CHECKING:
    from aiohttp import web

MAX_QUEUE: Final = 1024
"""Messages that wait for a client; beyond that the oldest are dropped."""
_END: Final = ""


@dataclass(slots=True, eq=False)
class Client:
    """The addresses in ``listening``, and a queue. The loop's thread."""

    peer: Peer
    listening: set[str] = field(default_factory=set)
    waiting: deque[bytes | str] = field(default_factory=deque)
    dropped: int = 0
    """Messages that it was too slow for."""
    _wake: asyncio.Event = field(default_factory=asyncio.Event)

    def put(self, message: bytes | str) -> None:
        """Queue a packet (bytes) or a JSON text."""
        if len(self.waiting) >= MAX_QUEUE:
            self.waiting.popleft()
            self.dropped += 1
        self.waiting.append(message)
        self._wake.set()

    def end(self) -> None:
        """Close the websocket when what waits has been sent."""
        self.put(_END)

    async def send_all(self, socket: web.WebSocketResponse) -> None:
        """Send what waits, and what comes, until ``end`` or until the socket is closed."""
        with suppress(ConnectionError, RuntimeError):  # it closed meanwhile
            while True:
                await self._wake.wait()
                self._wake.clear()
                while self.waiting:
                    message = self.waiting.popleft()
                    if message == _END:
                        await socket.close(code=1001)
                        return
                    if isinstance(message, bytes):
                        await socket.send_bytes(message)
                    else:
                        await socket.send_str(message)
