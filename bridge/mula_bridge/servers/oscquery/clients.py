"""Every websocket of the OSCQuery server: what it may wish, and who of them hears what."""

from __future__ import annotations

import asyncio
import json
import logging
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from time import monotonic
from typing import TYPE_CHECKING, Final, NamedTuple, cast

from mula_bridge import __version__
from mula_bridge.api import (
    ERRORS_PER_SECOND,
    Dispatch,
    EchoHold,
    Ping,
    QueryVersion,
    Request,
    addresses,
)
from mula_bridge.control import Emit
from mula_bridge.control.messages import Failed, Origin, PresetsChanged, Report
from mula_bridge.errors import BadInput, MulaError
from mula_bridge.net import LoopTimer, Peer, RateLimit
from mula_bridge.osc import Args, wire
from mula_bridge.servers.oscquery.namespace import Change, Limits, Namespace
from mula_bridge.servers.oscquery.nodes import clean_path

if TYPE_CHECKING:
    from aiohttp import web

SOURCE: Final = "page"
MAX_QUEUE: Final = 1024
"""Messages that wait for a client; beyond that the oldest are dropped."""
_END: Final = ""

log = logging.getLogger(__name__)


class Verb(StrEnum):
    """What a websocket client may ask for in text."""

    LISTEN = "LISTEN"
    IGNORE = "IGNORE"


class Wish(NamedTuple):
    """One text message of a websocket client."""

    verb: Verb
    path: str


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


class Clients:
    """Takes what clients send, and tells them what they listen to. The loop's thread.

    ``emit_to`` comes before the first client joins.
    """

    def __init__(self, namespace: Namespace) -> None:
        self._namespace = namespace
        self._clients: dict[Peer, Client] = {}
        self._echo = EchoHold()
        self._limit = RateLimit(ERRORS_PER_SECOND)
        self._timer = LoopTimer(self._send_due)
        self._dropped = 0
        self._dispatch: Dispatch

    def __len__(self) -> int:
        return len(self._clients)

    @property
    def dropped(self) -> int:
        """Messages that a client was too slow for. Any thread."""
        return self._dropped + sum(client.dropped for client in list(self._clients.values()))

    def emit_to(self, emit: Emit) -> None:
        """Where commands go. Before the loop runs."""
        self._dispatch = Dispatch(self, emit, SOURCE)

    def join(self, client: Client) -> None:
        """A websocket was opened."""
        self._clients[client.peer] = client

    def leave(self, client: Client) -> None:
        """A websocket ended."""
        self._clients.pop(client.peer, None)
        self._dropped += client.dropped

    def end(self) -> None:
        """Close every websocket."""
        self._timer.cancel()
        for client in self._clients.values():
            client.end()

    # --- what clients send --------------------------------------------------------------------

    def obey(self, packet: bytes, client: Client) -> None:
        """An OSC packet. Never raises."""
        self._dispatch.obey_packet(packet, client.peer)
        self._send_due()

    def wish(self, text: str, client: Client) -> None:
        """LISTEN or IGNORE, as JSON; anything else is complained about."""
        try:
            verb, path = parse_wish(text)
            if path not in self._namespace.nodes:
                raise BadInput(f"{path[:80]} is no address here")
        except BadInput as error:
            self.complain(Origin(SOURCE, client.peer), error)
            return
        if verb is Verb.IGNORE:
            client.listening.discard(path)
        elif path not in client.listening:
            client.listening.add(path)
            # So that nothing can change unseen between reading the tree and listening.
            if path in self._namespace.values:
                self._put(client, path, self._namespace.values[path])

    # --- Front --------------------------------------------------------------------------------

    def serve(self, request: Request, message: wire.Message, origin: Origin) -> None:
        """Do what needs no session. Raises BadInput: subscriptions are LISTEN here."""
        client = self._clients.get(cast("Peer", origin.peer))
        if client is None:
            return
        match request:
            case Ping():
                client.put(wire.encode(addresses.PONG, message.args, message.tags))
            case QueryVersion():
                self._put(client, addresses.VERSION, (__version__,))
            case _:
                raise BadInput('on a websocket, send {"COMMAND": "LISTEN", "DATA": an address}')

    def moved(self, origin: Origin, confirmation: Args) -> None:
        """A change is about to be made."""
        peer = cast("Peer", origin.peer)
        self._echo.moved(peer, origin.address, confirmation, origin.received_ns, monotonic())

    def complain(self, origin: Origin, error: MulaError) -> None:
        """Tell the client what was wrong, ten times a second at most."""
        self._answer_failure(Failed(origin.address, error.code, str(error)), origin)

    # --- reports ------------------------------------------------------------------------------

    def take(self, report: Report, to: Origin | None, but: Origin | None) -> None:
        """Keep a report's values and send them to whom they concern."""
        if isinstance(report, Failed) and to is not None:
            if to.source == SOURCE:
                self._answer_failure(report, to)
            return
        if isinstance(report, PresetsChanged):
            self._changed(self._namespace.offer(report.names))
        changes = self._namespace.take(report)
        own = to is not None and to.source == SOURCE
        asker = self._clients.get(cast("Peer", to.peer)) if to is not None and own else None
        if to is not None and asker is not None:
            self._answer(changes, to, asker)
        for client in list(self._clients.values()):
            moved = but is not None and but.source == SOURCE and but.peer == client.peer
            if client is asker or moved:
                continue  # what it did is answered, not told
            self._tell(client, [one for one in changes if one.changed or to is None])
        self._send_due()

    def _answer(self, changes: Sequence[Change], to: Origin, client: Client) -> None:
        if self._echo.answers_move(client.peer, to.address, to.received_ns):
            self._tell(client, changes)
            return
        asked = [one for one in changes if one.address == to.address]
        for one in asked or changes:
            self._put(client, one.address, one.args)

    def _answer_failure(self, failed: Failed, to: Origin) -> None:
        client = self._clients.get(cast("Peer", to.peer))
        if client is not None and self._limit.allow(to.peer, monotonic()):
            for address, args in addresses.encode(failed):
                self._put(client, address, args)

    def _tell(self, client: Client, changes: Sequence[Change]) -> None:
        now = monotonic()
        for one in changes:
            listens = one.address in client.listening
            if listens and self._echo.offer(client.peer, one.address, one.args, now):
                self._put(client, one.address, one.args)

    def _put(self, client: Client, address: str, args: Args) -> None:
        try:
            client.put(wire.encode(address, args))
        except wire.OscError as error:
            log.debug("could not send %s: %s", address, error)

    def _send_due(self) -> None:
        now = monotonic()
        for peer, address, args in self._echo.due(now):
            client = self._clients.get(peer)
            if client is not None:
                self._put(client, address, args)
        still_at = self._echo.still_at()
        if still_at > now:
            self._timer.call_in(still_at - now + 0.001)

    def limit(self, limits: Limits) -> None:
        """The engine takes these ranges only; whoever is connected is told which changed."""
        self._changed(self._namespace.limit(limits))

    def _changed(self, paths: Sequence[str]) -> None:
        for path in paths:
            for client in self._clients.values():
                client.put(path_changed(path))


def path_changed(path: str) -> str:
    """The text message that tells a client to read a node again."""
    return json.dumps({"COMMAND": "PATH_CHANGED", "DATA": path})


def parse_wish(text: str) -> Wish:
    """A text message of a websocket client. Raises BadInput."""
    try:
        asked = json.loads(text)
        return Wish(Verb(asked["COMMAND"]), clean_path(asked["DATA"]))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise BadInput(
            'text on this websocket is {"COMMAND": "LISTEN" or "IGNORE", "DATA": an address}'
        ) from None
