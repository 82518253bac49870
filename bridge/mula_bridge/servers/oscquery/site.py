"""The OSCQuery server's one port: the tree over HTTP, websockets, and the page.

A web page of somebody else must not reach the daemon through the browser of whoever runs it,
so requests are refused that name another host (DNS rebinding) or open a websocket from another
origin, and no other origin may read the answers.
"""

from __future__ import annotations

import asyncio
import ipaddress
import json
import logging
from contextlib import suppress
from typing import TYPE_CHECKING, Final, cast
from urllib.parse import urlsplit

from mula_bridge import __version__
from mula_bridge.errors import Unavailable
from mula_bridge.net import Guests, Peer, is_loopback
from mula_bridge.osc import wire
from mula_bridge.servers.oscquery.clients import Client, Clients
from mula_bridge.servers.oscquery.namespace import Namespace, host_info
from mula_bridge.servers.oscquery.page import CONTENT_SECURITY_POLICY, page

if TYPE_CHECKING:
    from aiohttp import web
    from aiohttp.typedefs import Handler

NAME: Final = "mulabridge"
MAX_CLIENTS: Final = 32
"""Websockets; one more is refused."""
MAX_CONNECTIONS: Final = 64
"""Connections of all kinds; beyond that the oldest that is no websocket gives way."""
MAX_FIELD: Final = 32 << 10
"""Bytes of one header field, and of a request's first line. Programs of everybody on this machine
share the cookies of 127.0.0.1, so a browser may send more than any server of them means it to."""
MAX_FIELDS: Final = 64
SILENT_S: Final = 20.0
"""A connection on which no request becomes whole for so long is closed."""
PING_S: Final = 20.0
"""A client that answers no websocket ping for half of this is gone."""
_REASONS: Final = {400: "no such attribute\n", 404: "no such address\n"}
_HEADERS: Final = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
}

log = logging.getLogger(__name__)


class Site:
    """Answers requests. The loop's thread; its properties may be read on any.

    ``osc`` is where OSC is taken over UDP (None: nowhere), ``guests`` who may connect.
    """

    def __init__(
        self, where: Peer, namespace: Namespace, clients: Clients, guests: Guests, osc: Peer | None
    ) -> None:
        self._asked = where
        self._bound: Peer | None = None
        self._namespace = namespace
        self._clients = clients
        self._guests = guests
        self._osc = osc
        self._runner: web.AppRunner | None = None
        self._server: asyncio.Server | None = None
        self._upgraded: set[object] = set()
        self.refused = 0
        """Requests of hosts, names or origins that are not let in, or without room for them."""

    @property
    def address(self) -> Peer:
        """Host and port; while it is open, the port that it really has."""
        return self._bound or self._asked

    async def open(self) -> None:
        """Open the port. Raises Unavailable when it is taken or aiohttp is not installed."""
        try:
            from aiohttp import web
        except ImportError:
            raise Unavailable(
                "the page needs aiohttp: pip install aiohttp, or --http off"
            ) from None

        @web.middleware
        async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
            return await self._guarded(request, handler)

        app = web.Application(middlewares=[guard], client_max_size=1024)
        app.router.add_get("/page", self._page)
        app.router.add_get("/{path:.*}", self._get)
        self._runner = web.AppRunner(
            app,
            access_log=None,
            shutdown_timeout=1.0,
            keepalive_timeout=SILENT_S,
            max_line_size=MAX_FIELD,
            max_field_size=MAX_FIELD,
            max_headers=MAX_FIELDS,
        )
        await self._runner.setup()
        host, port = self.address  # after a loop that died, the port that it had
        try:
            loop = asyncio.get_running_loop()
            self._server = await loop.create_server(self._accept, host, port)
        except OSError as error:
            await self._runner.cleanup()
            raise Unavailable(
                f"the page cannot be served on {host}:{port}: {error.strerror or error}; "
                "choose another place with --http HOST:PORT"
            ) from None
        self._bound = cast("Peer", self._server.sockets[0].getsockname()[:2])
        if not is_loopback(self._bound[0]):
            log.warning("the page on %s:%d is open to the network; it obeys %s",
                        *self._bound, self._guests)  # fmt: skip

    async def close(self) -> None:
        """Close the port, when the websockets have ended or after a second."""
        server, self._server = self._server, None
        if server is not None:
            server.close()
        runner, self._runner = self._runner, None
        if runner is not None:
            await runner.cleanup()
        self._upgraded.clear()

    def move_out(self) -> None:
        """Open at the place that was asked for, the next time. Once it is closed."""
        self._bound = None

    def _accept(self) -> asyncio.Protocol:
        """What serves a new connection."""
        assert self._runner is not None
        server = self._runner.server
        assert server is not None
        # It is counted once it is made, which comes before anything that is due now.
        asyncio.get_running_loop().call_later(0, self._make_room, server)
        return server()

    def _make_room(self, server: web.Server) -> None:
        """Let the oldest connections go that there are too many of."""
        transports = ((one, one.transport) for one in server.connections)
        held = [(one, its) for one, its in transports if its and not its.is_closing()]
        plain = [its for one, its in held if one not in self._upgraded]
        for transport in plain[: max(0, len(held) - MAX_CONNECTIONS)]:
            self.refused += 1
            transport.abort()

    # --- requests -----------------------------------------------------------------------------

    async def _guarded(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        from aiohttp import web

        if not self._is_welcome(request):
            self.refused += 1
            return web.Response(status=403, text="this name or address is not let in\n")
        try:
            response = await handler(request)
        except web.HTTPException:
            raise
        except Exception as error:  # the next request has done nothing wrong
            self._clients.thread.stumble(f"a request for {request.path[:80]}", error)
            response = web.Response(status=500, text="see the daemon's log\n")
        if not response.prepared:
            response.headers.update(_HEADERS)
        return response

    def _is_welcome(self, request: web.Request) -> bool:
        name = host_name(request.headers.get("Host", ""))
        return self._guests.admit(request.remote or "") and is_own_name(name, self.address[0])

    async def _page(self, request: web.Request) -> web.Response:
        from aiohttp import web

        text = page(self._namespace, NAME)
        headers = {"Content-Security-Policy": CONTENT_SECURITY_POLICY, "X-Frame-Options": "DENY"}
        return web.Response(text=text, content_type="text/html", headers=headers)

    async def _get(self, request: web.Request) -> web.StreamResponse:
        from aiohttp import web

        if request.headers.get("Upgrade", "").lower() == "websocket":
            return await self._websocket(request)
        query = request.query_string.partition("&")[0].partition("=")[0]
        wants_page = request.path == "/" and prefers_html(request.headers.get("Accept", ""))
        if query == "HTML" or (wants_page and not query):
            return await self._page(request)
        if query == "HOST_INFO":
            status, body = 200, host_info(f"{NAME} {__version__}", self._osc, self.address)
        else:
            status, found = self._namespace.answer(request.path, query)
            body = found if found is not None else {}
        if status == 204:
            return web.Response(status=204)
        text = json.dumps(body, ensure_ascii=False) if status == 200 else _REASONS[status]
        kind = "application/json" if status == 200 else "text/plain"
        return web.Response(status=status, text=text, content_type=kind, headers={"Vary": "Accept"})

    # --- websockets ---------------------------------------------------------------------------

    async def _websocket(self, request: web.Request) -> web.StreamResponse:
        from aiohttp import web

        origin = request.headers.get("Origin")
        if origin is not None and origin.lower() != f"http://{request.host}".lower():
            self.refused += 1
            return web.Response(status=403, text="websockets are for this server's own page\n")
        if len(self._upgraded) >= MAX_CLIENTS:
            self.refused += 1
            return web.Response(status=503, text=f"{MAX_CLIENTS} websockets are open already\n")
        self._upgraded.add(request.protocol)
        try:
            return await self._converse(request)
        finally:
            self._upgraded.discard(request.protocol)

    async def _converse(self, request: web.Request) -> web.StreamResponse:
        from aiohttp import WSMsgType, web

        socket = web.WebSocketResponse(
            max_msg_size=wire.MAX_PACKET, heartbeat=PING_S, compress=False, timeout=1.0
        )
        await socket.prepare(request)
        peername = request.transport.get_extra_info("peername") if request.transport else None
        client = Client(cast("Peer", tuple((peername or ("", id(socket)))[:2])))
        self._clients.join(client)
        sender = asyncio.create_task(client.send_all(socket))
        try:
            async for message in socket:
                if message.type is WSMsgType.BINARY:
                    self._clients.obey(message.data, client)
                elif message.type is WSMsgType.TEXT:
                    with self._clients.thread.item("a wish"):
                        self._clients.wish(message.data, client)
        finally:
            self._clients.leave(client)
            sender.cancel()
            with self._clients.thread.item("sending"), suppress(asyncio.CancelledError):
                await sender
        return socket


def host_name(header: str) -> str:
    """The host in a Host header, without its port; empty where there is none."""
    try:
        return urlsplit(f"//{header}").hostname or ""
    except ValueError:
        return ""


def is_own_name(name: str, bound: str) -> bool:
    """Whether a request for the host ``name`` can be meant for a server bound to ``bound``.

    A foreign page that rebinds its own name to our address is told by that name; an address
    cannot be rebound, so beyond loopback any address is fine.
    """
    if name in ("localhost", bound.lower()):
        return True
    try:
        return ipaddress.ip_address(name).is_loopback or not is_loopback(bound)
    except ValueError:
        return False


def prefers_html(accept: str) -> bool:
    """Whether an Accept header would rather have HTML than JSON; a tie is JSON."""
    weights: dict[str, float] = {}
    for entry in accept.split(","):
        kind, *parameters = (part.strip().lower() for part in entry.split(";"))
        quality = next((one[2:] for one in parameters if one.startswith("q=")), "1")
        try:
            weights[kind] = float(quality)
        except ValueError:
            weights[kind] = 0.0
    rest = weights.get("*/*", 0.0)
    json_weight = weights.get("application/json", weights.get("application/*", rest))
    return weights.get("text/html", weights.get("text/*", rest)) > json_weight
