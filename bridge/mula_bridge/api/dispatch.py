"""What every OSC transport does alike: obey messages."""

from __future__ import annotations

import logging
from dataclasses import replace
from time import monotonic, perf_counter_ns, time
from typing import Protocol, cast

from mula_bridge.api import addresses
from mula_bridge.api.addresses import UnknownAddress
from mula_bridge.api.echo import confirmation
from mula_bridge.api.readers import REQUESTS, Request
from mula_bridge.bindings import OscBindings, Unbound
from mula_bridge.control import Emit
from mula_bridge.control.messages import Command, Origin
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
        """Packets, and messages in bundles, that were no OSC."""
        self.faults = 0
        """Messages that could not be obeyed, though nothing was wrong with them."""

    def obey_packet(self, packet: bytes, peer: Peer, received_ns: int = 0) -> None:
        """Everything that one packet asks for. Never raises.

        ``received_ns`` is ``perf_counter_ns`` at its arrival; 0: just now.
        """
        received_ns = received_ns or perf_counter_ns()
        refused: list[wire.OscError] = []
        messages = wire.decode(packet, refused.append)
        for error in refused:
            self._refuse(error, Origin(self._source, peer, error.address, received_ns))
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
        """One message. Never raises, whatever is behind its address."""
        try:
            try:
                asked = addresses.decode(message.address, message.args)
            except UnknownAddress as unknown:
                self._obey_foreign(message, origin, unknown)
                return
            if isinstance(asked, REQUESTS):
                self._serve(asked, message, origin)
            elif asked is not None:
                self._ask(asked, confirmation(asked), origin)
        except Exception as error:  # what is wrong with one must not take the others away
            self._stumble(error, origin)

    def _ask(self, asked: Command, confirming: Args | None, origin: Origin) -> None:
        if confirming is not None:
            self._moved(origin, confirming)
        self._emit(asked, origin)

    def _stumble(self, error: Exception, origin: Origin) -> None:
        """Tell the sender that a message was not obeyed. Never raises."""
        told = error
        if not isinstance(error, MulaError):
            self.faults += 1
            log.error("could not handle %s", origin.address, exc_info=error)
            told = MulaError(f"mulabridge could not do that ({type(error).__name__}: {error})")
        try:
            self._complain(origin, cast("MulaError", told))
        except Exception:  # whoever cannot be told must not make more trouble
            log.exception("could not complain about %s", origin.address)

    def _refuse(self, error: wire.OscError, origin: Origin) -> None:
        """A message cannot be read. Whose address is nobody's business here is not judged, and
        what brakes does so all the same."""
        if self._is_foreign(error.address):
            return
        self.malformed += 1
        self._stumble(error, origin)
        if addresses.brakes(error.address):
            self.obey(wire.Message(error.address), origin)

    def _is_foreign(self, address: str) -> bool:
        """Whether an address is that of another program, which a mapping leaves unbound."""
        return (
            len(self._bindings) > 0
            and address.startswith("/")
            and not address.startswith("/mula/")
            and not is_pattern(address)
            and address not in self._bindings
        )

    def _waits(self, schedule: Schedule, message: wire.Message, origin: Origin) -> bool:
        try:
            return schedule.keeps(message, origin, time(), monotonic())
        except Exception as error:
            self._stumble(error, origin)
            return True

    def _obey_foreign(self, message: wire.Message, origin: Origin, unknown: MulaError) -> None:
        address, args = message.address, message.args
        try:
            asked = self._bindings.command(address, args)
        except Unbound:
            self._obey_matching(message, origin, unknown)
        else:
            if asked is not None:
                self._ask(asked, self._bindings.confirmation(address, args, asked), origin)

    def _obey_matching(self, message: wire.Message, origin: Origin, unknown: MulaError) -> None:
        address = message.address
        if self._is_foreign(address):
            return
        matching = addresses.matching(address) if is_pattern(address) else ()
        if not matching:
            raise unknown
        for one in matching:
            self.obey(message._replace(address=one), replace(origin, address=one))
