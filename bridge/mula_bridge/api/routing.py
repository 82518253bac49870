"""Who hears what: news to subscribers and feedback targets, answers to whoever asked. Pure.

An answer goes to the subscriptions of the client that asked. A client without one is
answered at the port that it sent from; and because tools such as oscsend cannot
listen there, also at the subscribed ports of its host, or where there are none, at
the feedback targets on it. One that is connected hears on its connection only. A
change is confirmed to the client that made it, on the address that it used; everyone
else hears of it as news. One thread at a time; time is ``time.monotonic`` seconds,
given by the caller.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import cast

from mula_bridge.api.addresses import ERROR, OPT_IN, SUBSCRIBE
from mula_bridge.api.askers import Askers, Subject
from mula_bridge.api.echo import EchoHold
from mula_bridge.api.subscriptions import Subscriber, Subscriptions
from mula_bridge.control.messages import Origin
from mula_bridge.errors import BadInput
from mula_bridge.net import Peer
from mula_bridge.osc import Args, Pattern

Delivery = tuple[Peer, str, Args]
"""Destination, address, arguments."""
Content = Sequence[tuple[str, Args]]
"""The messages of one report."""


class Routing:
    """Subscriptions, feedback targets and echo holds, as one question: to whom?

    ``source`` is the transport that it routes for: peers of another one are not these, even
    where host and port are the same. ``own`` are the addresses at which we would hear ourselves.
    """

    def __init__(
        self,
        source: str,
        targets: Iterable[Peer] = (),
        own: frozenset[Peer] = frozenset(),
        *,
        connected: bool = False,
    ) -> None:
        """Raises BadInput for a target that is ourselves."""
        self._source = source
        self._targets = tuple(targets)
        self._own = own
        self._connected = connected
        self._subscriptions = Subscriptions()
        self._askers = Askers()
        self._echo = EchoHold()
        for target in self._targets:
            self._refuse_own(target)

    # --- what comes in ------------------------------------------------------------------------

    def heard(self, peers: Iterable[Peer], now: float) -> None:
        """Messages came from these peers: their leases begin anew."""
        for peer in peers:
            self._subscriptions.renew(peer, now)

    def moved(self, origin: Origin, args: Args, now: float) -> None:
        """A change is about to be made; just as it was asked for, ``args`` would confirm it."""
        peer = cast("Peer", origin.peer)
        own = self._subscriptions.of(peer)
        destinations = [one.destination for one in own] if own else (peer,)
        for key in destinations:
            self._echo.moved(key, origin.address, args, origin.received_ns, now)
        if self._targets and not own:
            for target in self._targets_at(peer[0]):
                # The fader that moved, or a display beside it: both can wait a little.
                self._echo.moved(target, origin.address, None, origin.received_ns, now)

    def subscribe(
        self, peer: Peer, port: int | None, patterns: tuple[Pattern, ...], now: float
    ) -> None:
        """Raises BadInput for ourselves, and Busy when there are too many."""
        if self._connected:
            port = None
        self._refuse_own((peer[0], port or peer[1]))
        self._subscriptions.subscribe(peer, port, patterns, now)

    def unsubscribe(self, peer: Peer, port: int | None) -> None:
        """This port of its host, or all that it has subscribed."""
        self._subscriptions.unsubscribe(peer, None if self._connected else port)

    def join(self, peer: Peer, wants: Callable[[str], bool]) -> None:
        """This peer hears what it ``wants`` until it unsubscribes."""
        self._subscriptions.join(peer, wants)

    def forget(self, peer: Peer) -> None:
        """This peer has left, and hears nothing more."""
        self._subscriptions.unsubscribe(peer)
        self._askers.forget(peer)

    # --- what goes out ------------------------------------------------------------------------

    def news(
        self, content: Content, but: Origin | None, now: float, subject: Subject | None = None
    ) -> list[Delivery]:
        """For everyone, except the client ``but``, which gets it as its answer. ``subject`` is
        what the content is about."""
        self._subscriptions.expire(now)
        answered: tuple[Subscriber, ...] = ()
        if but is not None and but.source == self._source:
            answered = self._subscriptions.of(cast("Peer", but.peer))
        listeners = [one for one in self._subscriptions.everyone() if one not in answered]
        return [
            *self._feedback(listeners, content, now),
            *(
                (target, address, args)
                for target in self._targets
                for address, args in content
                if address not in OPT_IN and self._echo.offer(target, address, args, now)
            ),
            *self._follow_up(content, but, subject),
        ]

    def answer(
        self, content: Content, to: Origin, now: float, subject: Subject | None = None
    ) -> list[Delivery]:
        """For the client that sent what this answers. About a job that is not over, it hears of
        that from now on."""
        peer = cast("Peer", to.peer)
        own = self._subscriptions.of(peer)
        if subject is not None:
            if not subject.over:
                self._askers.add(subject.job, peer)
            return [*self._feedback(own, content, now), *self._unheard(peer, content)]
        key = own[0].destination if own else peer
        failed = content[0][0] == ERROR  # whatever it is about, its sender wants to know
        change = not failed and self._echo.answers_move(key, to.address, to.received_ns)
        asked = [message for message in content if message[0] == to.address]
        if own and (change or (to.address == SUBSCRIBE and not failed)):
            # What is confirmed on another address, which its subscriptions leave out, is told too.
            untold = self._unheard(peer, content[:1]) if change and not asked else []
            return [*self._feedback(own, content, now), *untold]
        if own:
            destinations = [one.destination for one in own]
        elif change:
            destinations, asked = [peer], asked or list(content[:1])
        elif self._connected:
            destinations = [peer]
        else:
            destinations = list(dict.fromkeys([peer, *self._neighbours(peer[0])]))
        return [(where, *message) for where in destinations for message in asked or content]

    def due(self, now: float) -> list[Delivery]:
        """What was held back from a hand that is still now."""
        return list(self._echo.due(now))

    def still_at(self) -> float:
        """When ``due`` has everything that is held back now."""
        return self._echo.still_at()

    def _feedback(
        self, listeners: Iterable[Subscriber], content: Content, now: float
    ) -> list[Delivery]:
        return [
            (one.destination, address, args)
            for one in listeners
            for address, args in content
            if one.wants(address) and self._echo.offer(one.destination, address, args, now)
        ]

    def _follow_up(
        self, content: Content, but: Origin | None, subject: Subject | None
    ) -> list[Delivery]:
        """For those who asked for what ``content`` is about, except ``but``."""
        if subject is None:
            return []
        answered = but.peer if but is not None and but.source == self._source else None
        askers = [peer for peer in self._askers.of(subject.job) if peer != answered]
        if subject.over:
            self._askers.over(subject.job)
        return [told for peer in askers for told in self._unheard(peer, content)]

    def _unheard(self, peer: Peer, content: Content) -> list[Delivery]:
        """For a peer at its own port, what it does not hear as everyone does."""
        if peer in self._targets:
            return []
        own = self._subscriptions.of(peer)
        return [
            (peer, address, args)
            for address, args in content
            if address not in OPT_IN and not any(one.wants(address) for one in own)
        ]

    def _refuse_own(self, destination: Peer) -> None:
        if destination in self._own:
            raise BadInput(f"feedback to {destination[0]}:{destination[1]} would come back to us")

    def _neighbours(self, host: str) -> Iterable[Peer]:
        subscribed = [one.destination for one in self._subscriptions.at_host(host)]
        return subscribed or self._targets_at(host)

    def _targets_at(self, host: str) -> list[Peer]:
        return [target for target in self._targets if target[0] == host]
