"""The OSC server: messages in, reports out, over one UDP socket.

Its own thread receives, answers what needs no session, and hands the rest to
``emit``; reports are sent on the thread that calls ``report``. A lock guards who
hears what. It is never held while something is emitted, so a session may report
from inside ``emit``.
"""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from time import monotonic, time
from typing import Final, cast

from mula_bridge import __version__
from mula_bridge.api import (
    DEFAULT_HOST,
    DEFAULT_PORT,
    ERRORS_PER_SECOND,
    Content,
    Delivery,
    Dispatch,
    Ping,
    QueryVersion,
    Request,
    Routing,
    Subscribe,
    TagLamps,
    Unsubscribe,
    addresses,
)
from mula_bridge.bindings import OscBindings
from mula_bridge.control import Emit
from mula_bridge.control.messages import Failed, Origin, QueryDump, Report
from mula_bridge.errors import BadInput, MulaError
from mula_bridge.net import LOOPBACK, Guests, Peer, RateLimit, is_loopback, open_udp, resolve
from mula_bridge.osc import Args, wire, write_text
from mula_bridge.osc.udp import Backlog, Datagram, Receiver, Schedule

SOURCE: Final = "osc"
_MAX_HOSTS: Final = 256
_SIZES: Final = {"i": 4, "f": 4, "h": 8, "d": 8}
"""Bytes of a number of each type."""
SETTERS: Final = {
    head: len(head) + size
    for address, row, knob in addresses.concrete()
    if knob is not None and row.template in ("/mula/knob/NAME", "/mula/norm/NAME")
    for tag, size in _SIZES.items()
    for head in (write_text(address) + write_text(f",{tag}"),)
}
"""How datagrams begin that do nothing but set a knob to a number, and how long they are."""
PING: Final = write_text("/mula/ping")
"""How those begin whose answer should not wait."""

log = logging.getLogger(__name__)


@dataclass(slots=True)
class OscCounters:
    """What happened since ``start``, for tests and the doctor."""

    datagrams: int = 0
    """What came, whether it was handled or not."""
    replaced: int = 0
    """Knob moves that the next one overtook before they were handled."""
    overflowed: int = 0
    """Datagrams for which there was no room."""
    refused: int = 0
    """Datagrams from hosts that are not allowed."""
    malformed: int = 0
    muted: int = 0
    """Errors that their sender was not told of, because it had heard enough of them."""
    dropped: int = 0
    """Messages that the network did not take."""


class OscServer:
    """A Source of commands and a Listener to reports.

    ``allow`` are the addresses or networks (``192.168.1.0/24``) that may send to us,
    beside this machine, which always may; everybody else is ignored.
    ``feedback_targets`` are (host, port) pairs that hear every change, as a subscriber
    without patterns does. Port 0 takes any free port. ``scheduled``: bundles wait for
    their time tag, up to 2 s; otherwise, as senders' clocks are seldom ours, nothing does.
    """

    def __init__(
        self,
        host: str = DEFAULT_HOST,
        port: int = DEFAULT_PORT,
        *,
        feedback_targets: Iterable[Peer] = (),
        allow: Sequence[str] = LOOPBACK,
        scheduled: bool = False,
        bindings: OscBindings | None = None,
    ) -> None:
        """Raises BadInput for an entry of ``allow`` that is no address or network."""
        self._host = host
        self._asked_port = port
        self._targets = tuple(feedback_targets)
        self._guests = Guests(allow)
        self._schedule = Schedule() if scheduled else None
        # An empty one is false, and still the one to ask: it may be loaded later.
        self._bindings = bindings if bindings is not None else OscBindings()
        self._hosts: dict[str, bool] = {}
        self._lock = threading.Lock()
        self._routing = Routing(SOURCE)
        self._limit = RateLimit(ERRORS_PER_SECOND)
        self._lamps = TagLamps()
        self._counters = OscCounters()
        self._backlog = Backlog()
        self._own: frozenset[Peer] = frozenset()
        self._socket: socket.socket | None = None
        self._receiver: Receiver | None = None
        self._emit: Emit
        self._dispatch: Dispatch

    # --- the thread that owns the daemon ------------------------------------------------------

    def start(self, emit: Emit) -> None:
        """Open the port and begin. Raises Unavailable, naming who has the port already."""
        if self._receiver is not None:
            raise RuntimeError("this OSC server is running already")
        opened = open_udp(self._host, self._asked_port)
        try:
            self._begin(opened, emit)
        except Exception:
            opened.close()
            raise

    def stop(self) -> None:
        """Close the port; what is reported later goes nowhere."""
        receiver, opened = self._receiver, self._socket
        self._receiver = self._socket = None
        if receiver is not None:
            receiver.stop()
        if opened is not None:
            opened.close()

    @property
    def address(self) -> Peer:
        """Host and port; while it runs, the port that it really has."""
        if self._socket is None:
            return self._host, self._asked_port
        host, port = self._socket.getsockname()[:2]
        return host, port

    @property
    def port(self) -> int:
        """The port of ``address``."""
        return self.address[1]

    @property
    def counters(self) -> OscCounters:
        """A snapshot."""
        backlog = self._backlog
        return replace(
            self._counters,
            datagrams=self._counters.datagrams + backlog.replaced + backlog.dropped,
            replaced=backlog.replaced,
            overflowed=backlog.dropped,
        )

    def _begin(self, opened: socket.socket, emit: Emit) -> None:
        host, port = opened.getsockname()[:2]
        self._own = frozenset((name, port) for name in (host, *LOOPBACK))
        targets = [resolve(*target, opened.family)[1] for target in self._targets]
        for target in targets:
            self._refuse_own(target)
        if not is_loopback(host):
            log.warning(
                "OSC on %s:%d is open to the network; it obeys %s", host, port, self._guests
            )
        self._routing = Routing(SOURCE, targets)
        self._counters = OscCounters()
        self._emit = emit
        self._dispatch = Dispatch(self, emit, SOURCE, self._bindings)
        self._socket = opened
        self._backlog = Backlog(setters=SETTERS, urgent=PING)
        self._receiver = Receiver(opened, self._take, self._backlog)
        self._receiver.start()

    # --- the receiving thread -----------------------------------------------------------------

    def _take(self, batch: list[Datagram]) -> float | None:
        self._counters.datagrams += len(batch)
        batch = [datagram for datagram in batch if self._is_allowed(datagram[1])]
        with self._lock:
            self._routing.heard({peer for _, peer, _ in batch}, monotonic())
        obey, schedule = self._dispatch.obey, self._schedule
        for data, peer, received_ns in batch:
            try:
                messages = wire.decode(data)
            except wire.OscError as error:
                self._counters.malformed += 1
                self.complain(Origin(SOURCE, peer, "", received_ns), error)
                continue
            for message in messages:
                origin = Origin(SOURCE, peer, message.address, received_ns)
                if schedule is None or not self._is_for_later(schedule, message, origin):
                    obey(message, origin)
        now = monotonic()
        with self._lock:
            # Sent before the lock is free, so that no later news can overtake it.
            self._send(self._routing.due(now))
            still_at = self._routing.still_at()
        waits = [still_at - now + 0.001] if still_at > now else []
        return min([*waits, *self._obey_due()], default=None)

    def _is_for_later(self, schedule: Schedule, message: wire.Message, origin: Origin) -> bool:
        try:
            return schedule.keeps(message, origin, time(), monotonic())
        except MulaError as error:
            self.complain(origin, error)
            return True

    def _obey_due(self) -> list[float]:
        """Obey what has waited long enough; in how many seconds the next one is due."""
        if self._schedule is None:
            return []
        for message, origin in self._schedule.due(monotonic()):
            self._dispatch.obey(message, origin)
        wait = self._schedule.next_in(monotonic())
        return [] if wait is None else [wait]

    def _is_allowed(self, peer: Peer) -> bool:
        known = self._hosts.get(peer[0])
        if known is None:
            known = self._guests.admit(peer[0])
            if not known:
                log.warning("OSC from %s is ignored; --allow lets it in", peer[0])
            if len(self._hosts) >= _MAX_HOSTS:
                self._hosts.clear()
            self._hosts[peer[0]] = known
        if not known:
            self._counters.refused += 1
        return known and peer not in self._own

    def _refuse_own(self, destination: Peer) -> None:
        if destination in self._own:
            raise BadInput(f"feedback to {destination[0]}:{destination[1]} would come back to us")

    # --- Front, on the receiving thread -------------------------------------------------------

    def serve(self, request: Request, message: wire.Message, origin: Origin) -> None:
        """Do what needs no session. Raises BadInput for a subscription of ourselves, and Busy."""
        peer = cast("Peer", origin.peer)
        match request:
            case Ping():
                self._answer([(addresses.PONG, message.args)], origin, tags=message.tags)
            case QueryVersion():
                self._answer([(addresses.VERSION, (__version__,))], origin)
            case Subscribe(port, patterns):
                self._refuse_own((peer[0], port or peer[1]))
                with self._lock:
                    self._routing.subscribe(peer, port, patterns, monotonic())
                self._emit(QueryDump(), origin)
            case Unsubscribe(port):
                with self._lock:
                    self._routing.unsubscribe(peer, port)

    def moved(self, origin: Origin, confirmation: Args) -> None:
        """A change is about to be made."""
        with self._lock:
            self._routing.moved(origin, confirmation, monotonic())

    def complain(self, origin: Origin, error: MulaError) -> None:
        """Tell the sender what was wrong, ten times a second at most."""
        # Asked first, because finding the nearest address takes a thousand times longer.
        if self._may_complain(origin):
            failed = Failed(origin.address, error.code, str(error))
            self._answer(addresses.encode(failed), origin)

    # --- the session's thread, and the receiving one ------------------------------------------

    def report(
        self, report: Report, *, to: Origin | None = None, but: Origin | None = None
    ) -> None:
        """Send a report to whom it concerns. Any thread; never blocks, never raises."""
        if to is not None and to.source != SOURCE:
            return
        if to is not None and isinstance(report, Failed) and not self._may_complain(to):
            return
        content = self._lamps.encode(report, to) + self._bindings.hear(report)
        if to is not None and content:
            self._answer(content, to)
        elif content:
            with self._lock:
                deliveries = self._routing.news(content, but, monotonic())
            self._send(deliveries)

    def _may_complain(self, origin: Origin) -> bool:
        with self._lock:
            allowed = self._limit.allow(origin.peer, monotonic())
            self._counters.muted += not allowed
        return allowed

    def _answer(self, content: Content, to: Origin, tags: str | None = None) -> None:
        with self._lock:
            deliveries = self._routing.answer(content, to, monotonic())
        self._send(deliveries, tags)

    def _send(self, deliveries: Iterable[Delivery], tags: str | None = None) -> None:
        opened = self._socket
        if opened is None:
            return
        packets: dict[tuple[str, int], bytes] = {}
        for destination, address, args in deliveries:
            key = (address, id(args))  # many hear the same message: make it once
            try:
                if key not in packets:
                    packets[key] = wire.encode(address, args, tags)
                opened.sendto(packets[key], destination)
            except (OSError, wire.OscError) as error:
                self._counters.dropped += 1
                log.debug("could not send %s to %s: %s", address, destination, error)
