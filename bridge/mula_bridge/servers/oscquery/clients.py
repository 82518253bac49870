"""Every websocket of the OSCQuery server: what it may wish, and who of them hears what."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Final, NamedTuple

from mula_bridge.api import Conversation
from mula_bridge.bindings import OscBindings
from mula_bridge.control import Emit
from mula_bridge.control.messages import Failed, Origin, PresetsChanged, Report
from mula_bridge.errors import BadInput
from mula_bridge.net import Act, LoopThread, Peer
from mula_bridge.servers.oscquery.namespace import Limits, Namespace
from mula_bridge.servers.oscquery.nodes import clean_path

if TYPE_CHECKING:
    from aiohttp import web

SOURCE: Final = "page"
MAX_QUEUE: Final = 1024
MAX_QUEUED: Final = 1 << 20
"""Messages, and their bytes, that wait for a client; beyond either the oldest are dropped."""
_END: Final = ""
_LISTEN_BY: Final = 'on a websocket, send {"COMMAND": "LISTEN", "DATA": an address}'


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
    """The addresses in ``listening``, and a queue of at most ``MAX_QUEUE`` messages and
    ``MAX_QUEUED`` bytes. The loop's thread."""

    peer: Peer
    listening: set[str] = field(default_factory=set)
    waiting: deque[bytes | str] = field(default_factory=deque)
    dropped: int = 0
    """Messages that it was too slow for."""
    _size: int = 0
    _wake: asyncio.Event = field(default_factory=asyncio.Event)

    def put(self, message: bytes | str) -> None:
        """Queue a packet (bytes) or a JSON text."""
        self.waiting.append(message)
        self._size += len(message)
        while len(self.waiting) > MAX_QUEUE or (self._size > MAX_QUEUED and len(self.waiting) > 1):
            self._take()
            self.dropped += 1
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
                    message = self._take()
                    if message == _END:
                        await socket.close(code=1001)
                        return
                    if isinstance(message, bytes):
                        await socket.send_bytes(message)
                    else:
                        await socket.send_str(message)

    def _take(self) -> bytes | str:
        message = self.waiting.popleft()
        self._size -= len(message)
        return message


class Clients:
    """Takes what clients send, and tells them what they listen to, all on its ``thread``.

    ``begin`` comes before the first client joins, and ``live_on`` before ``begin``. ``bindings``
    and ``scheduled`` are those of a Conversation.
    """

    thread: LoopThread

    def __init__(
        self, namespace: Namespace, bindings: OscBindings | None = None, *, scheduled: bool = False
    ) -> None:
        self._namespace = namespace
        self._clients: dict[Peer, Client] = {}
        self._conversation = Conversation(
            SOURCE,
            self._deliver,
            bindings=bindings,
            connected=True,
            listen_by=_LISTEN_BY,
            scheduled=scheduled,
            encode=lambda report, to: namespace.encode(report),
        )
        self._dropped = 0

    def live_on(self, opening: Act, closing: Act) -> LoopThread:
        """The thread that all of this happens on, which opens and closes the server."""
        take, due = self._take, self._conversation.due
        self.thread = LoopThread("oscquery", opening, closing, take, due)
        return self.thread

    def __len__(self) -> int:
        return len(self._clients)

    @property
    def dropped(self) -> int:
        """Messages that a client was too slow for. Any thread."""
        return self._dropped + sum(client.dropped for client in list(self._clients.values()))

    def begin(self, emit: Emit) -> None:
        """Where commands go. Before the loop runs."""
        self._conversation.begin(emit)

    def join(self, client: Client) -> None:
        """A websocket was opened."""
        self._clients[client.peer] = client
        self._conversation.join(client.peer, client.listening.__contains__)

    def leave(self, client: Client) -> None:
        """A websocket ended."""
        self._clients.pop(client.peer, None)
        self._conversation.forget(client.peer)
        self._dropped += client.dropped

    def end(self) -> None:
        """Close every websocket."""
        for client in self._clients.values():
            client.end()

    # --- what clients send --------------------------------------------------------------------

    def obey(self, packet: bytes, client: Client) -> None:
        """An OSC packet. Never raises."""
        with self.thread.item("a packet"):
            self._conversation.obey(packet, client.peer)
        self.thread.due()

    def wish(self, text: str, client: Client) -> None:
        """LISTEN or IGNORE, as JSON; anything else is complained about."""
        try:
            verb, path = parse_wish(text)
            if path not in self._namespace.nodes and not self._conversation.binds(path):
                raise BadInput(f"{path[:80]} is no address here")
        except BadInput as error:
            self._conversation.complain(Origin(SOURCE, client.peer), error)
            return
        if verb is Verb.IGNORE:
            client.listening.discard(path)
        elif path not in client.listening:
            client.listening.add(path)
            # So that nothing can change unseen between reading the tree and listening.
            self._conversation.show(client.peer, path, self._namespace.values.get(path))

    # --- reports ------------------------------------------------------------------------------

    def _take(self, report: Report, *, to: Origin | None = None, but: Origin | None = None) -> None:
        if isinstance(report, PresetsChanged):
            self._changed(self._namespace.offer(report.names))
        if to is None or not isinstance(report, Failed):
            changed = self._namespace.take(report)
            if to is not None:
                # What somebody was told may be new to all the others.
                self._conversation.tell(changed, but=to)
        self._conversation.report(report, to=to, but=but)

    def _deliver(self, packet: bytes, peer: Peer) -> None:
        client = self._clients.get(peer)
        if client is not None:
            client.put(packet)

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
