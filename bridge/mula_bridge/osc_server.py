"""The OSC server: messages in, reports out, over one UDP socket.

Its own thread receives, answers what needs no session, and hands the rest to
``emit``; reports are sent on the thread that calls ``report``. A lock guards who
hears what. It is never held while something is emitted, so a session may report
from inside ``emit``.
"""

from __future__ import annotations

import ipaddress
import logging
import socket
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from time import monotonic, time
from typing import Final, cast

from mula_bridge import __version__, addresses, osc
from mula_bridge.addresses import DEFAULT_HOST, DEFAULT_PORT, UnknownAddress
from mula_bridge.errors import BadInput, MulaError
from mula_bridge.messages import Emit, Failed, Origin, Prompt, QueryDump, Report, TagsChanged
from mula_bridge.osc_limit import RateLimit
from mula_bridge.osc_pattern import is_pattern
from mula_bridge.osc_ports import is_loopback, open_udp, resolve
from mula_bridge.osc_readers import REQUESTS, Ping, QueryVersion, Request, Subscribe, Unsubscribe
from mula_bridge.osc_receiver import Datagram, Receiver
from mula_bridge.osc_routing import Content, Delivery, Routing
from mula_bridge.osc_schedule import Schedule
from mula_bridge.subscriptions import Peer

LOOPBACK: Final = ("127.0.0.1", "::1")
ERRORS_PER_SECOND: Final = 10
SOURCE: Final = "osc"
_MAX_HOSTS: Final = 256

log = logging.getLogger(__name__)


@dataclass(slots=True)
class OscCounters:
    """What happened since ``start``, for tests and the doctor."""

    datagrams: int = 0
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
    ) -> None:
        """Raises BadInput for an entry of ``allow`` that is no address or network."""
        self._host = host
        self._asked_port = port
        self._targets = tuple(feedback_targets)
        try:
            entries = dict.fromkeys((*LOOPBACK, *allow))
            self._allow = [ipaddress.ip_network(entry, strict=False) for entry in entries]
        except ValueError as error:
            raise BadInput(f"OSC takes messages from addresses or networks; {error}") from None
        self._schedule = Schedule() if scheduled else None
        self._hosts: dict[str, bool] = {}
        self._lock = threading.Lock()
        self._routing = Routing()
        self._limit = RateLimit(ERRORS_PER_SECOND)
        self._on: set[str] = set()
        self._off: set[str] = set()
        self._counters = OscCounters()
        self._own: frozenset[Peer] = frozenset()
        self._socket: socket.socket | None = None
        self._receiver: Receiver | None = None
        self._emit: Emit

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
        return replace(self._counters)

    def _begin(self, opened: socket.socket, emit: Emit) -> None:
        host, port = opened.getsockname()[:2]
        self._own = frozenset((name, port) for name in (host, *LOOPBACK))
        targets = [resolve(*target, opened.family)[1] for target in self._targets]
        for target in targets:
            self._refuse_own(target)
        if not is_loopback(host):
            who = ", ".join(map(str, self._allow))
            log.warning("OSC on %s:%d is open to the network; it obeys %s", host, port, who)
        self._routing = Routing(targets)
        self._counters = OscCounters()
        self._emit = emit
        self._socket = opened
        self._receiver = Receiver(opened, self._take)
        self._receiver.start()

    # --- the receiving thread -----------------------------------------------------------------

    def _take(self, batch: list[Datagram]) -> float | None:
        self._counters.datagrams += len(batch)
        batch = [datagram for datagram in batch if self._is_allowed(datagram[1])]
        with self._lock:
            self._routing.heard({peer for _, peer, _ in batch}, monotonic())
        for data, peer, received_ns in batch:
            try:
                messages = osc.decode(data)
            except osc.OscError as error:
                self._counters.malformed += 1
                self._complain(Origin(SOURCE, peer, "", received_ns), error)
                continue
            for message in messages:
                origin = Origin(SOURCE, peer, message.address, received_ns)
                if not self._is_for_later(message, origin):
                    self._obey(message, origin)
        now = monotonic()
        with self._lock:
            # Sent before the lock is free, so that no later news can overtake it.
            self._send(self._routing.due(now))
            still_at = self._routing.still_at()
        waits = [still_at - now + 0.001] if still_at > now else []
        return min([*waits, *self._obey_due()], default=None)

    def _is_for_later(self, message: osc.Message, origin: Origin) -> bool:
        if self._schedule is None:
            return False
        try:
            return self._schedule.keeps(message, origin, time(), monotonic())
        except MulaError as error:
            self._complain(origin, error)
            return True

    def _obey_due(self) -> list[float]:
        """Obey what has waited long enough; in how many seconds the next one is due."""
        if self._schedule is None:
            return []
        for message, origin in self._schedule.due(monotonic()):
            self._obey(message, origin)
        wait = self._schedule.next_in(monotonic())
        return [] if wait is None else [wait]

    def _obey(self, message: osc.Message, origin: Origin) -> None:
        try:
            self._act(message, origin)
        except UnknownAddress as unknown:
            self._obey_matching(message, origin, unknown)
        except MulaError as error:
            self._complain(origin, error)
        except Exception:  # a bug behind one address must not take the others away
            log.exception("could not handle %s", message.address)

    def _obey_matching(self, message: osc.Message, origin: Origin, unknown: MulaError) -> None:
        address = message.address
        try:
            matching = addresses.matching(address) if is_pattern(address) else ()
        except osc.OscError as error:
            self._complain(origin, error)
            return
        if not matching:
            self._complain(origin, unknown)
        for one in matching:
            self._obey(message._replace(address=one), replace(origin, address=one))

    def _act(self, message: osc.Message, origin: Origin) -> None:
        asked = addresses.decode(message.address, message.args)
        if asked is None:
            return
        if isinstance(asked, REQUESTS):
            self._serve(asked, message, origin)
            return
        confirmation = addresses.confirmation(asked)
        if confirmation is not None:
            with self._lock:
                self._routing.moved(origin, confirmation, monotonic())
        self._emit(asked, origin)

    def _serve(self, request: Request, message: osc.Message, origin: Origin) -> None:
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

    def _is_allowed(self, peer: Peer) -> bool:
        known = self._hosts.get(peer[0])
        if known is None:
            known = any(ipaddress.ip_address(peer[0]) in network for network in self._allow)
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

    def _complain(self, origin: Origin, error: MulaError) -> None:
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
        content = self._content(report, to)
        if to is not None and content:
            self._answer(content, to)
        elif content:
            with self._lock:
                deliveries = self._routing.news(content, but, monotonic())
            self._send(deliveries)

    def _content(self, report: Report, to: Origin | None) -> Content:
        content = addresses.encode(report)
        if isinstance(report, TagsChanged) and report.prompt is Prompt.A:
            # A report lists the tags that are on; a lamp must also hear that it went off.
            on = {address for address, _ in content if address.startswith(addresses.TAG)}
            if to is None:
                self._on, self._off = on, self._on - on
            asked = {to.address} if to and to.address.startswith(addresses.TAG) else set()
            content.extend((address, (0,)) for address in sorted((self._off | asked) - on))
        return content

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
                    packets[key] = osc.encode(address, args, tags)
                opened.sendto(packets[key], destination)
            except (OSError, osc.OscError) as error:
                self._counters.dropped += 1
                log.debug("could not send %s to %s: %s", address, destination, error)
