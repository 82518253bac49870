"""Who has asked to hear every change, where, and for how long. Pure; one thread.

A subscription sends to one port of the subscriber's own host. It lives for a lease
and is renewed by any message from the port it sends to or the port that it was
made from: a controller that is in use stays, one that was switched off goes. Time
is ``time.monotonic`` seconds, given by the caller.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, partial
from math import inf
from typing import Final

from mula_bridge.api.addresses import OPT_IN
from mula_bridge.errors import Busy
from mula_bridge.net import Peer
from mula_bridge.osc import Pattern

LEASE_S: Final = 60.0
MAX_SUBSCRIBERS: Final = 32
_MAX_REMEMBERED: Final = 512


@dataclass(slots=True)
class Subscriber:
    """One destination, and who asked for it."""

    destination: Peer
    owner: Peer
    wants: Callable[[str], bool]
    """Whether it hears of this address."""
    expires: float


class Subscriptions:
    """At most ``limit`` subscribers, each until its lease ends."""

    def __init__(self, limit: int = MAX_SUBSCRIBERS, lease: float = LEASE_S) -> None:
        self._limit = limit
        self._lease = lease
        self._by_destination: dict[Peer, Subscriber] = {}
        self._by_peer: dict[Peer, tuple[Subscriber, ...]] = {}

    def __len__(self) -> int:
        return len(self._by_destination)

    def subscribe(
        self, peer: Peer, port: int | None, patterns: tuple[Pattern, ...], now: float
    ) -> Subscriber:
        """Send to ``port`` of this peer's host (None: its own port) from now on.

        Asking again renews, and replaces the patterns. Raises Busy when there are too many.
        """
        self.expire(now)
        destination = (peer[0], port or peer[1])
        if destination not in self._by_destination and len(self) >= self._limit:
            raise Busy(f"{self._limit} subscribers listen already; try again in a minute")
        wants = lru_cache(_MAX_REMEMBERED)(partial(_chosen, patterns))
        return self._add(Subscriber(destination, peer, wants, now + self._lease))

    def join(self, peer: Peer, wants: Callable[[str], bool]) -> Subscriber:
        """Send to this peer what it ``wants``, until it unsubscribes."""
        return self._add(Subscriber(peer, peer, wants, inf))

    def unsubscribe(self, peer: Peer, port: int | None = None) -> None:
        """End the subscription of ``port`` of this peer's host; None: all that are its own."""
        ending = [(peer[0], port)] if port else [own.destination for own in self.of(peer)]
        for destination in ending:
            self._by_destination.pop(destination, None)
        self._index()

    def renew(self, peer: Peer, now: float) -> None:
        """A message came from this peer."""
        for own in self.of(peer):
            own.expires = now + self._lease

    def expire(self, now: float) -> None:
        """Forget everybody whose lease has ended."""
        gone = [one for one in self._by_destination.values() if one.expires <= now]
        for one in gone:
            del self._by_destination[one.destination]
        if gone:
            self._index()

    def everyone(self) -> list[Subscriber]:
        """All of them, in the order in which they came."""
        return list(self._by_destination.values())

    def of(self, peer: Peer) -> tuple[Subscriber, ...]:
        """Those that this peer made, or that send to it."""
        return self._by_peer.get(peer, ())

    def at_host(self, host: str) -> list[Subscriber]:
        """Those that send to this host."""
        return [one for one in self._by_destination.values() if one.destination[0] == host]

    def _add(self, new: Subscriber) -> Subscriber:
        self._by_destination[new.destination] = new
        self._index()
        return new

    def _index(self) -> None:
        self._by_peer = {}
        for one in self._by_destination.values():
            for peer in {one.owner, one.destination}:
                self._by_peer[peer] = (*self.of(peer), one)


def _chosen(patterns: tuple[Pattern, ...], address: str) -> bool:
    """Whether patterns choose an address; without any, all but the opt-in ones."""
    if patterns:
        return any(pattern.matches(address) for pattern in patterns)
    return address not in OPT_IN
