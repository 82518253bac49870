"""What every OSC transport does alike: one conversation with all who are at its other end.

A transport brings packets in, and takes packets out through ``deliver``. In between, this
answers what needs no session, emits the rest, and sends reports to whom they concern. A lock
guards who hears what. It is never held while something is emitted, so a session may report
from inside ``emit``.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable
from time import monotonic
from typing import Final, cast

from mula_bridge import __version__
from mula_bridge.api import addresses
from mula_bridge.api.askers import Subject, subject_of
from mula_bridge.api.dispatch import Dispatch
from mula_bridge.api.readers import Ping, QueryVersion, Request, Subscribe, Unsubscribe
from mula_bridge.api.routing import Content, Delivery, Routing
from mula_bridge.bindings import OscBindings
from mula_bridge.control import Emit
from mula_bridge.control.messages import (
    Command,
    Failed,
    Origin,
    Prompt,
    QueryDump,
    Report,
    TagsChanged,
)
from mula_bridge.errors import BadInput, MulaError
from mula_bridge.net import Peer, RateLimit
from mula_bridge.osc import Args, wire
from mula_bridge.osc.udp import Schedule

Deliver = Callable[[bytes, Peer], None]
"""Sends a packet to a peer, or forgets it when there is none. Must neither block nor call the
conversation; may raise OSError, which is counted."""
Encode = Callable[[Report, Origin | None], Content]
"""The messages of a report, and of an answer to an origin."""

ERRORS_PER_SECOND: Final = 10
"""What is said to one sender at most of what it did wrong."""
ERRORS_IN_ALL: Final = 100
"""The same to all of them together, because senders cost nothing."""
_HINDSIGHT_S: Final = 0.001
"""So much later than something is due it certainly is."""

log = logging.getLogger(__name__)


class Conversation:
    """Takes what the peers of one transport send, and tells them what concerns them.

    ``source`` names the transport in origins. ``bindings`` are addresses of other programs
    that a mapping binds; each conversation has its own hands on them. ``connected``: a peer
    hears on the connection that it sends on, whatever port it names. ``listen_by`` says what
    to do instead of subscribing, where peers ``join``. ``scheduled``: messages wait for their
    time tag, up to 2 s. ``encode`` makes messages of reports in place of our own way.

    One thread obeys and does what is due, the transport's; any may report.
    """

    def __init__(
        self,
        source: str,
        deliver: Deliver,
        *,
        bindings: OscBindings | None = None,
        connected: bool = False,
        listen_by: str = "",
        scheduled: bool = False,
        encode: Encode | None = None,
    ) -> None:
        self._source = source
        self._deliver = deliver
        # An empty one is false, and still the one to ask: it may be loaded later.
        self._bindings = OscBindings() if bindings is None else bindings.share()
        self._connected = connected
        self._listen_by = listen_by
        self._scheduled = scheduled
        self._encode = encode or TagLamps().encode
        self._lock = threading.Lock()
        self._emit: Emit
        self._dispatch: Dispatch
        self.begin(_nowhere)

    def begin(
        self, emit: Emit, targets: Iterable[Peer] = (), own: frozenset[Peer] = frozenset()
    ) -> None:
        """Start over, with nobody at the other end: before that, commands go nowhere.

        ``targets`` hear every change, as a subscriber without patterns does; ``own`` are the
        addresses at which we would hear ourselves. Raises BadInput for a target among them.
        """
        self._routing = Routing(self._source, targets, own, connected=self._connected)
        self._limit = RateLimit(ERRORS_PER_SECOND)
        self._limit_in_all = RateLimit(ERRORS_IN_ALL)
        self._emit = emit
        schedule = Schedule() if self._scheduled else None
        self._dispatch = Dispatch(self, emit, self._source, self._bindings, schedule)
        self.muted = 0
        """Errors that their sender was not told of, because it had heard enough of them."""
        self.dropped = 0
        """Messages that could not be encoded, or that the transport did not take."""

    @property
    def malformed(self) -> int:
        """Packets that were no OSC."""
        return self._dispatch.malformed

    # --- the transport's thread ---------------------------------------------------------------

    def heard(self, peers: Iterable[Peer]) -> None:
        """Something came from these peers: they are still there."""
        with self._lock:
            self._routing.heard(peers, monotonic())

    def obey(self, packet: bytes, peer: Peer, received_ns: int = 0) -> None:
        """Do what a packet asks for. Never raises.

        ``received_ns`` is ``perf_counter_ns`` at its arrival; 0: just now.
        """
        self._dispatch.obey_packet(packet, peer, received_ns)

    def due(self) -> float | None:
        """Obey and send what has waited long enough. Raises a bug of ours, once all is sent.

        Returns in how many seconds there is more to do; None: nothing waits.
        """
        scheduled = self._dispatch.due()
        now = monotonic()
        with self._lock:
            # Sent before the lock is free, so that no later news can overtake it.
            self._send(self._routing.due(now))
            still_at = self._routing.still_at()
        waits = [still_at - now + _HINDSIGHT_S] if still_at > now else []
        return min(waits if scheduled is None else [*waits, scheduled], default=None)

    def join(self, peer: Peer, wants: Callable[[str], bool]) -> None:
        """From now on ``peer`` hears every change of the addresses that it ``wants``."""
        with self._lock:
            self._routing.join(peer, wants)

    def forget(self, peer: Peer) -> None:
        """A peer has left: it hears no more."""
        with self._lock:
            self._routing.forget(peer)

    # --- Front, on the transport's thread -----------------------------------------------------

    def serve(self, request: Request, message: wire.Message, origin: Origin) -> None:
        """Do what needs no session. Raises BadInput for a subscription that cannot be, and Busy."""
        peer = cast("Peer", origin.peer)
        match request:
            case Ping():
                self._answer([(addresses.PONG, message.args)], origin, tags=message.tags)
            case QueryVersion():
                self._answer([(addresses.VERSION, (__version__,))], origin)
            case _ if self._listen_by:
                raise BadInput(self._listen_by)
            case Subscribe(port, patterns):
                with self._lock:
                    self._routing.subscribe(peer, port, patterns, monotonic())
                if lights := self._bindings.lights():
                    self._answer(lights, origin)
                self._emit(QueryDump(), origin)
            case Unsubscribe(port):
                with self._lock:
                    self._routing.unsubscribe(peer, port)

    def moved(self, origin: Origin, confirmation: Args) -> None:
        """A change is about to be made."""
        with self._lock:
            self._routing.moved(origin, confirmation, monotonic())

    def complain(self, origin: Origin, error: MulaError) -> None:
        """Tell the sender what was wrong, ten times a second at most, and all of them a hundred
        times."""
        # Asked first, because finding the nearest address takes a thousand times longer.
        if self._may_complain(origin):
            failed = Failed(origin.address, error.code, str(error))
            self._answer(addresses.encode(failed), origin)

    # --- any thread ---------------------------------------------------------------------------

    def report(
        self, report: Report, *, to: Origin | None = None, but: Origin | None = None
    ) -> None:
        """Send a report to whom it concerns; reports come one at a time. Raises a bug of ours,
        once everybody else was told."""
        if to is not None and to.source != self._source:
            return
        if to is not None and isinstance(report, Failed) and not self._may_complain(to):
            return
        content = [*self._encode(report, to), *self._bindings.hear(report)]
        subject = subject_of(report)
        if to is None:
            self.tell(content, but, subject)
        elif content:
            self._answer(content, to, subject=subject)

    def tell(self, content: Content, but: Origin | None, subject: Subject | None = None) -> None:
        """Send messages to everyone who wants them, except whoever is ``but``.

        Whoever asked for their ``subject`` hears them, too."""
        if content:
            with self._lock:
                deliveries = self._routing.news(content, but, monotonic(), subject)
            self._send(deliveries)

    def show(self, peer: Peer, address: str, args: Args | None) -> None:
        """Send one peer where a control stands: ``args``, or what is known of a bound one.

        Nothing is sent where nothing is known.
        """
        if args is None:
            args = dict(self._bindings.everything()).get(address)
        if args is not None:
            self._send([(peer, address, args)])

    def binds(self, address: str) -> bool:
        """Whether a mapping binds this address of another program."""
        return address in self._bindings

    def _may_complain(self, origin: Origin) -> bool:
        with self._lock:
            now = monotonic()
            allowed = self._limit.allow(origin.peer, now) and self._limit_in_all.allow("", now)
            self.muted += not allowed
        return allowed

    def _answer(
        self,
        content: Content,
        to: Origin,
        tags: str | None = None,
        subject: Subject | None = None,
    ) -> None:
        with self._lock:
            deliveries = self._routing.answer(content, to, monotonic(), subject)
        self._send(deliveries, tags)

    def _send(self, deliveries: Iterable[Delivery], tags: str | None = None) -> None:
        packets: dict[tuple[str, int], bytes] = {}
        failure: Exception | None = None
        for destination, address, args in deliveries:
            key = (address, id(args))  # many hear the same message: make it once
            try:
                if key not in packets:
                    packets[key] = wire.encode(address, args, tags)
                self._deliver(packets[key], destination)
            except (OSError, wire.OscError) as error:
                self.dropped += 1
                log.debug("could not send %s to %s: %s", address, destination, error)
            except Exception as error:  # a bug on the way to one must not keep it from the others
                self.dropped += 1
                failure = error
        if failure is not None:
            raise failure


class TagLamps:
    """Lamps of tags: a report lists those of prompt A that are on, and a lamp must hear that it
    went off. The reports of one daemon come one at a time.
    """

    def __init__(self) -> None:
        self._on: set[str] = set()
        self._off: set[str] = set()

    def encode(self, report: Report, to: Origin | None) -> list[tuple[str, Args]]:
        """The messages of a report, with a 0 for each tag that the newest change put out.

        An answer (``to``) changes nothing here; it has a 0 too for the tag that was asked
        about, should that be off.
        """
        content = addresses.encode(report)
        if isinstance(report, TagsChanged) and report.prompt is Prompt.A:
            on = {address for address, _ in content if address.startswith(addresses.TAG)}
            if to is None:
                self._on, self._off = on, self._on - on
            asked = {to.address} if to and to.address.startswith(addresses.TAG) else set()
            content.extend((address, (0,)) for address in sorted((self._off | asked) - on))
        return content


def _nowhere(command: Command, origin: Origin) -> None:
    """Where commands go before there is a session."""
