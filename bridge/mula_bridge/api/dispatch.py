"""What every OSC transport does alike: obey messages."""

from __future__ import annotations

import logging
from dataclasses import replace
from time import monotonic, perf_counter_ns, time
from typing import Protocol

from mula_bridge.api import addresses
from mula_bridge.api.addresses import UnknownAddress
from mula_bridge.api.readers import REQUESTS, Request
from mula_bridge.bindings import OscBindings
from mula_bridge.control import Emit
from mula_bridge.control.messages import Origin
from mula_bridge.errors import MulaError
from mula_bridge.net import Peer
from mula_bridge.osc import Args, is_pattern, wire
from mula_bridge.osc.udp import Schedule

log = logging.getLogger(__name__)


class Front(Protocol):
    """What a transport does for the messages that it hands to a Dispatch, on its thread."""

    def serve(self, request: Request, message: wire.Message, origin: Origin) -> None:
        """Do what needs no session. May raise MulaError, which is complained about."""

    def moved(self, origin: Origin, confirmation: Args) -> None:
        """A change is about to be emitted; made as asked, ``confirmation`` would confirm it."""

    def complain(self, origin: Origin, error: MulaError) -> None:
        """Tell the sender. Never raises."""


class Dispatch:
    """Obeys packets: decodes them, looks addresses up, and emits. One thread.

    ``bindings`` are addresses of other programs that a mapping binds; while there are any,
    what else such programs send outside /mula/ is none of our business. With a ``schedule``,
    messages wait for their time tag; otherwise, as senders' clocks are seldom ours, none does.
    """

    def __init__(
        self,
        front: Front,
        emit: Emit,
        source: str,
        bindings: OscBindings | None = None,
        schedule: Schedule | None = None,
    ) -> None:
        # Bound once: a fader takes this way some hundred times a second.
        self._serve, self._moved, self._complain = front.serve, front.moved, front.complain
        self._emit = emit
        self._source = source
        self._bindings = bindings if bindings is not None else OscBindings()
        self._schedule = schedule
        self.malformed = 0
        """Packets that were no OSC."""

    def obey_packet(self, packet: bytes, peer: Peer, received_ns: int = 0) -> None:
        """Everything that one packet asks for. Never raises.

        ``received_ns`` is ``perf_counter_ns`` at its arrival; 0: just now.
        """
        received_ns = received_ns or perf_counter_ns()
        try:
            messages = wire.decode(packet)
        except wire.OscError as error:
            self.malformed += 1
            self._complain(Origin(self._source, peer, "", received_ns), error)
            return
        for message in messages:
            origin = Origin(self._source, peer, message.address, received_ns)
            if self._schedule is None or not self._waits(self._schedule, message, origin):
                self.obey(message, origin)

    def due(self) -> float | None:
        """Obey what has waited long enough. Never raises.

        Returns in how many seconds the next message is due; None: none waits.
        """
        if self._schedule is None:
            return None
        for message, origin in self._schedule.due(monotonic()):
            self.obey(message, origin)
        return self._schedule.next_in(monotonic())

    def obey(self, message: wire.Message, origin: Origin) -> None:
        """One message. Never raises."""
        try:
            asked = addresses.decode(message.address, message.args)
            if isinstance(asked, REQUESTS):
                self._serve(asked, message, origin)
            elif asked is not None:
                confirmation = addresses.confirmation(asked)
                if confirmation is not None:
                    self._moved(origin, confirmation)
                self._emit(asked, origin)
        except UnknownAddress as unknown:
            self._obey_foreign(message, origin, unknown)
        except MulaError as error:
            self._complain(origin, error)
        except Exception:  # a bug behind one address must not take the others away
            log.exception("could not handle %s", message.address)

    def _waits(self, schedule: Schedule, message: wire.Message, origin: Origin) -> bool:
        try:
            return schedule.keeps(message, origin, time(), monotonic())
        except MulaError as error:
            self._complain(origin, error)
            return True

    def _obey_foreign(self, message: wire.Message, origin: Origin, unknown: MulaError) -> None:
        address = message.address
        if address not in self._bindings:
            if address.startswith("/mula/") or is_pattern(address) or not len(self._bindings):
                self._obey_matching(message, origin, unknown)
            return
        try:
            asked = self._bindings.command(address, message.args)
            if asked is None:
                return
            confirmation = self._bindings.confirmation(address, message.args, asked)
            if confirmation is not None:
                self._moved(origin, confirmation)
            self._emit(asked, origin)
        except MulaError as error:
            self._complain(origin, error)

    def _obey_matching(self, message: wire.Message, origin: Origin, unknown: MulaError) -> None:
        address = message.address
        try:
            matching = addresses.matching(address) if is_pattern(address) else ()
        except wire.OscError as error:
            self._complain(origin, error)
            return
        if not matching:
            self._complain(origin, unknown)
        for one in matching:
            self.obey(message._replace(address=one), replace(origin, address=one))
