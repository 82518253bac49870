"""OSC over TCP: a server for clients that want every message to arrive.

A client is answered in the framing in which it writes. The server runs on a thread with an
event loop of its own.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from time import monotonic
from typing import Final, cast

from mula_bridge.api import DEFAULT_HOST, DEFAULT_PORT, Conversation
from mula_bridge.bindings import OscBindings
from mula_bridge.control import Emit, Service
from mula_bridge.control.messages import Origin, Report
from mula_bridge.errors import BadInput, Unavailable
from mula_bridge.net import LOOPBACK, Guests, LoopThread, Peer, RateLimit, is_loopback
from mula_bridge.osc import AUTO, FRAMINGS, FramingError, detect

SOURCE: Final = "osc-tcp"
MAX_CLIENTS: Final = 32
"""Beyond that, who has never said anything gives way; where all have, one more is refused."""
MAX_UNSENT: Final = 1 << 20
"""Bytes that wait for a client before it is cut off."""
_NAMED_A_SECOND: Final = 4
"""Of so many clients a second that are cut off the log tells."""
ALIVE: Final = {"TCP_KEEPIDLE": 15, "TCP_KEEPALIVE": 15, "TCP_KEEPINTVL": 5, "TCP_KEEPCNT": 3}
"""After so many seconds of silence the system asks whether a client is there, every so many more,
and so often (Linux and Windows; macOS has another name for the first)."""

log = logging.getLogger(__name__)


@dataclass(slots=True)
class TcpCounters:
    """What happened since ``start``."""

    packets: int = 0
    refused: int = 0
    """Connections that were not let in, or came when there was no room."""
    cut_off: int = 0
    """Clients that did not read, whose stream made no sense, or that took the room of others
    without ever saying anything."""


class OscTcpServer:
    """A Source of commands and a Listener to reports, for up to 32 clients.

    ``allow`` are the addresses or networks that may connect beside this machine, which always
    may. ``framing`` is ``auto``, ``length`` or ``slip``. Port 0 takes any free port. The port
    may have the number of the UDP one: they do not meet. ``bindings`` and ``scheduled`` are
    those of a Conversation.
    """

    def __init__(
        self,
        host: str = DEFAULT_HOST,
        port: int = DEFAULT_PORT,
        *,
        framing: str = AUTO,
        allow: Sequence[str] = LOOPBACK,
        max_clients: int = MAX_CLIENTS,
        scheduled: bool = False,
        bindings: OscBindings | None = None,
    ) -> None:
        """Raises BadInput for an unknown framing, or an entry of ``allow`` that is no address."""
        if framing not in (AUTO, *FRAMINGS):
            raise BadInput(f"no framing {framing!r}; there are {AUTO}, {', '.join(FRAMINGS)}")
        self.framing = framing
        self.guests = Guests(allow)
        self._naming = RateLimit(_NAMED_A_SECOND)
        self.counters = TcpCounters()
        self._asked = (host, port)
        self._bound: Peer | None = None
        self._max_clients = max_clients
        self._clients: dict[Peer, _Client] = {}
        self._conversation = Conversation(
            SOURCE, self._deliver, bindings=bindings, connected=True, scheduled=scheduled
        )
        self._thread = LoopThread(
            SOURCE, self._open, self._close, self._take, self._conversation.due
        )
        self._server: asyncio.Server | None = None

    # --- the thread that owns the daemon ------------------------------------------------------

    def start(self, emit: Emit) -> None:
        """Open the port and begin. Raises Unavailable."""
        self._conversation.begin(emit)
        self._thread.start()

    def stop(self) -> None:
        """Close the port and every connection; what is reported later goes nowhere."""
        self._thread.stop()
        self._bound = None

    @property
    def address(self) -> Peer:
        """Host and port; while it runs, the port that it really has."""
        return self._bound or self._asked

    @property
    def port(self) -> int:
        """The port of ``address``."""
        return self.address[1]

    @property
    def services(self) -> tuple[Service, ...]:
        """Its threads, while it runs."""
        return () if self._thread.service is None else (self._thread.service,)

    def report(
        self, report: Report, *, to: Origin | None = None, but: Origin | None = None
    ) -> None:
        """Send a report to whom it concerns. Any thread; never blocks, never raises."""
        if to is None or to.source == SOURCE:
            self._thread.report(report, to=to, but=but)

    # --- the server's own thread --------------------------------------------------------------

    async def _open(self) -> None:
        host, port = self.address  # after a loop that died, the port that it had
        loop = asyncio.get_running_loop()
        try:
            self._server = await loop.create_server(lambda: _Client(self), host, port)
        except OSError as error:
            raise Unavailable(
                f"OSC over TCP cannot listen on {host}:{port}: {error.strerror or error}; "
                "choose another port, or off"
            ) from None
        self._bound = self._server.sockets[0].getsockname()[:2]
        if not is_loopback(self.address[0]):
            log.warning("OSC over TCP on %s:%d is open to the network; it obeys %s",
                        *self.address, self.guests)  # fmt: skip

    async def _close(self) -> None:
        server, self._server = self._server, None
        if server is not None:
            server.close()
        for client in list(self._clients.values()):
            client.cut()
        await asyncio.sleep(0)  # lets the transports close their sockets
        for client in list(self._clients.values()):  # whom a loop that died did not let go
            self.left(client)
        if server is not None:
            await server.wait_closed()

    def joined(self, client: _Client) -> bool:
        """Whether a new connection is let in."""
        full = len(self._clients) >= self._max_clients
        idle = next((one for one in self._clients.values() if not one.spoke), None)
        if not self.guests.admit(client.peer[0]) or (full and idle is None):
            self.counters.refused += 1
            return False
        if full and idle is not None:
            self.counters.cut_off += 1
            self.left(idle)
            idle.cut()
        self._clients[client.peer] = client
        return True

    def cut_off(self, client: _Client, why: str) -> None:
        """A connection is ended because of what its client does; one that comes again and again
        is no flood in the log."""
        self.counters.cut_off += 1
        if self._naming.allow(None, monotonic()):
            log.info("OSC over TCP with %s:%d is cut off: %s", *client.peer, why)
        client.cut()

    def left(self, client: _Client) -> None:
        """A connection ended."""
        if self._clients.get(client.peer) is client:
            del self._clients[client.peer]
            self._conversation.forget(client.peer)

    def obey(self, packet: bytes, peer: Peer) -> None:
        """A packet came from ``peer``."""
        self.counters.packets += 1
        with self._thread.item("a packet"):
            self._conversation.obey(packet, peer)
        self._thread.due()

    def _take(self, report: Report, *, to: Origin | None = None, but: Origin | None = None) -> None:
        self._conversation.heard(self._clients)  # whoever is connected is there
        self._conversation.report(report, to=to, but=but)

    def _deliver(self, packet: bytes, peer: Peer) -> None:
        client = self._clients.get(peer)
        if client is not None:
            client.send(packet)


class _Client(asyncio.Protocol):
    """One connection. The loop's thread."""

    def __init__(self, server: OscTcpServer) -> None:
        self._server = server
        self._framing = FRAMINGS[server.framing]() if server.framing in FRAMINGS else None
        self._transport: asyncio.Transport
        self.peer: Peer = ("", 0)
        self.spoke = False
        """Whether a whole packet ever came."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        host, port = transport.get_extra_info("peername")[:2]
        self.peer = (host, port)
        _watch(transport.get_extra_info("socket"))
        if not self._server.joined(self):
            self.cut()

    def connection_lost(self, exc: Exception | None) -> None:
        self._server.left(self)

    def data_received(self, data: bytes) -> None:
        try:
            if self._framing is None:
                self._framing = detect(data)
            packets = self._framing.feed(data)
        except FramingError as error:
            for packet in error.packets:  # what came before was right
                self._server.obey(packet, self.peer)
            self._server.cut_off(self, str(error))
            return
        self.spoke = self.spoke or bool(packets)
        for packet in packets:
            self._server.obey(packet, self.peer)

    def send(self, packet: bytes) -> None:
        """Send a packet, or cut the client off when too much waits for it already."""
        if self._framing is None or self._transport.is_closing():
            return
        if self._transport.get_write_buffer_size() > MAX_UNSENT:
            self._server.cut_off(self, "it does not read")
            return
        self._transport.write(self._framing.frame(packet))

    def cut(self) -> None:
        """End the connection at once."""
        self._transport.abort()


def _watch(connection: socket.socket) -> None:
    """Let the system find out when the other end is gone without a word: a half-open connection
    would keep its place for ever."""
    with suppress(OSError):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for name, value in ALIVE.items():
            if (option := getattr(socket, name, None)) is not None:
                connection.setsockopt(socket.IPPROTO_TCP, option, value)
