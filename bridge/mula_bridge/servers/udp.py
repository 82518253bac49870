"""The OSC server: messages in, reports out, over one UDP socket.

Its own thread receives, answers what needs no session, and hands the rest to
``emit``; reports are sent on the thread that calls ``report``.
"""

from __future__ import annotations

import logging
import socket
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from time import monotonic
from typing import Final

from mula_bridge.api import DEFAULT_HOST, DEFAULT_PORT, Conversation, addresses
from mula_bridge.bindings import OscBindings
from mula_bridge.control import Emit, Service
from mula_bridge.control.messages import Origin, Report
from mula_bridge.net import (
    LOOPBACK,
    Guests,
    Peer,
    RateLimit,
    is_loopback,
    open_udp,
    resolve,
)
from mula_bridge.osc import write_text
from mula_bridge.osc.udp import Backlog, Datagram, Receiver

SOURCE: Final = "osc"
_MAX_HOSTS: Final = 256
_NAMED_A_SECOND: Final = 4
"""Of so many hosts a second that are not let in the log tells."""
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


@dataclass(frozen=True, slots=True)
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
    without patterns does. Port 0 takes any free port. ``bindings`` and ``scheduled`` are those
    of a Conversation.
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
        self._conversation = Conversation(
            SOURCE, self._deliver, bindings=bindings, scheduled=scheduled
        )
        self._admit = lru_cache(_MAX_HOSTS)(self._admit_new)
        self._naming = RateLimit(_NAMED_A_SECOND)
        self._handled = self._refused = 0
        self._backlog = Backlog()
        self._own: frozenset[Peer] = frozenset()
        self._socket: socket.socket | None = None
        self._receiver: Receiver | None = None

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
    def services(self) -> tuple[Service, ...]:
        """Its threads, while it runs."""
        return () if self._receiver is None else (self._receiver,)

    @property
    def counters(self) -> OscCounters:
        """A snapshot."""
        backlog, conversation = self._backlog, self._conversation
        return OscCounters(
            datagrams=self._handled + backlog.replaced + backlog.dropped,
            replaced=backlog.replaced,
            overflowed=backlog.dropped,
            refused=self._refused,
            malformed=conversation.malformed,
            muted=conversation.muted,
            dropped=conversation.dropped,
        )

    def _begin(self, opened: socket.socket, emit: Emit) -> None:
        host, port = opened.getsockname()[:2]
        self._own = frozenset((name, port) for name in (host, *LOOPBACK))
        targets = [resolve(*target, opened.family)[1] for target in self._targets]
        self._conversation.begin(emit, targets, self._own)
        if not is_loopback(host):
            log.warning(
                "OSC on %s:%d is open to the network; it obeys %s", host, port, self._guests
            )
        self._handled = self._refused = 0
        self._socket = opened
        self._backlog = Backlog(setters=SETTERS, urgent=PING)
        self._receiver = Receiver(opened, self._take, self._backlog)
        self._receiver.start()

    # --- the receiving thread -----------------------------------------------------------------

    def _take(self, batch: list[Datagram]) -> float | None:
        self._handled += len(batch)
        batch = [datagram for datagram in batch if self._is_allowed(datagram[1])]
        self._conversation.heard({peer for _, peer, _ in batch})
        obey = self._conversation.obey
        for data, peer, received_ns in batch:
            try:
                obey(data, peer, received_ns)
            except Exception as error:  # the others of the batch have done nothing wrong
                self._stumble("a datagram", error)
        return self._conversation.due()

    def _stumble(self, what: str, error: Exception) -> None:
        receiver = self._receiver
        if receiver is not None:
            receiver.stumble(what, error)

    def _is_allowed(self, peer: Peer) -> bool:
        allowed = self._admit(peer[0])
        self._refused += not allowed
        return allowed and peer not in self._own

    def _admit_new(self, host: str) -> bool:
        admitted = self._guests.admit(host)
        if not admitted and self._naming.allow(None, monotonic()):  # senders can be made up
            log.warning("OSC from %s is ignored; --allow lets it in", host)
        return admitted

    # --- the session's thread, and the receiving one ------------------------------------------

    def report(
        self, report: Report, *, to: Origin | None = None, but: Origin | None = None
    ) -> None:
        """Send a report to whom it concerns. Any thread; never blocks, never raises."""
        self._conversation.report(report, to=to, but=but)

    def _deliver(self, packet: bytes, destination: Peer) -> None:
        opened = self._socket  # stop() may take it away meanwhile
        if opened is not None:
            opened.sendto(packet, destination)
