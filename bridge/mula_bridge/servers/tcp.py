"""OSC over TCP: a server for clients that want every message to arrive.

A client is answered in the framing in which it writes. The server runs on a thread with an
event loop of its own.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, cast

from mula_bridge.api import DEFAULT_HOST, DEFAULT_PORT, Conversation
from mula_bridge.bindings import OscBindings
from mula_bridge.control import Emit, Service
from mula_bridge.control.messages import Origin, Report
from mula_bridge.errors import BadInput, Unavailable
from mula_bridge.net import LOOPBACK, Guests, LoopThread, Peer, is_loopback
from mula_bridge.osc import AUTO, FRAMINGS, FramingError, detect

SOURCE: Final = "osc-tcp"
MAX_CLIENTS: Final = 32
MAX_UNSENT: Final = 1 << 20
"""Bytes that wait for a client before it is cut off."""

log = logging.getLogger(__name__)


@dataclass(slots=True)
class TcpCounters:
    """What happened since ``start``."""

    packets: int = 0
    refused: int = 0
    """Connections that were not let in, or came when there was no room."""
    cut_off: int = 0
    """Clients that did not read, or whose stream made no sense."""


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
        self.counters = TcpCounters()
        self._asked = (host, port)
        self._max_clients = max_clients
        self._clients: dict[Peer, _Client] = {}
        self._conversation = Conversation(
            SOURCE, self._deliver, bindings=bindings, connected=True, scheduled=scheduled
        )
        self._thread = LoopThread("osc-tcp", self._take, self._conversation.due)
        self._server: asyncio.Server | None = None

    # --- the thread that owns the daemon ------------------------------------------------------

    def start(self, emit: Emit) -> None:
        """Open the port and begin. Raises Unavailable."""
        self._conversation.begin(emit)
        self._thread.start(self._open())

    def stop(self) -> None:
        """Close the port and every connection; what is reported later goes nowhere."""
        self._thread.stop(self._close())

    @property
    def address(self) -> Peer:
        """Host and port; while it runs, the port that it really has."""
        if self._server is None or not self._server.sockets:
            return self._asked
        host, port = self._server.sockets[0].getsockname()[:2]
        return host, port

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
        host, port = self._asked
        loop = asyncio.get_running_loop()
        try:
            self._server = await loop.create_server(lambda: _Client(self), host, port)
        except OSError as error:
            raise Unavailable(
                f"OSC over TCP cannot listen on {host}:{port}: {error.strerror or error}; "
                "choose another port, or off"
            ) from None
        if not is_loopback(self.address[0]):
            log.warning("OSC over TCP on %s:%d is open to the network; it obeys %s",
                        *self.address, self.guests)  # fmt: skip

    async def _close(self) -> None:
        if self._server is not None:
            self._server.close()
        for client in list(self._clients.values()):
            client.cut()
        await asyncio.sleep(0)  # lets the transports close their sockets
        if self._server is not None:
            await self._server.wait_closed()
            self._server = None

    def joined(self, client: _Client) -> bool:
        """Whether a new connection is let in."""
        if len(self._clients) >= self._max_clients or not self.guests.admit(client.peer[0]):
            self.counters.refused += 1
            return False
        self._clients[client.peer] = client
        return True

    def left(self, client: _Client) -> None:
        """A connection ended."""
        if self._clients.get(client.peer) is client:
            del self._clients[client.peer]
            self._conversation.forget(client.peer)

    def obey(self, packet: bytes, peer: Peer) -> None:
        """A packet came from ``peer``."""
        self.counters.packets += 1
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

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        host, port = transport.get_extra_info("peername")[:2]
        self.peer = (host, port)
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
            self._server.counters.cut_off += 1
            log.info("OSC over TCP from %s:%d is cut off: %s", *self.peer, error)
            self.cut()
            return
        for packet in packets:
            self._server.obey(packet, self.peer)

    def send(self, packet: bytes) -> None:
        """Send a packet, or cut the client off when too much waits for it already."""
        if self._framing is None or self._transport.is_closing():
            return
        if self._transport.get_write_buffer_size() > MAX_UNSENT:
            self._server.counters.cut_off += 1
            log.info("OSC over TCP to %s:%d is cut off: it does not read", *self.peer)
            self.cut()
            return
        self._transport.write(self._framing.frame(packet))

    def cut(self) -> None:
        """End the connection at once."""
        self._transport.abort()
