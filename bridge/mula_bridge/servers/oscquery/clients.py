"""Every websocket of the OSCQuery server, and who of them hears what."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from time import monotonic
from typing import Final, cast

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
from mula_bridge.servers.oscquery.client import Client
from mula_bridge.servers.oscquery.messages import Verb, parse_wish, path_changed
from mula_bridge.servers.oscquery.namespace import Change, Limits, Namespace

SOURCE: Final = "page"

log = logging.getLogger(__name__)


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
