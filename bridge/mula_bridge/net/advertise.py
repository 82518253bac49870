"""Announces the daemon on the local network, so that controllers find it by name.

``_osc._udp`` is what TouchOSC and its like look for, ``_oscjson._tcp`` what OSCQuery clients
do (OSCQuery proposal, "Core Functionality"). Needs the optional package zeroconf; without it,
or without a network, everything else works on.

A machine has several interfaces, and they come and go: a service is announced on all of them,
with every address at which it is heard, and again when these change.
"""

from __future__ import annotations

import ipaddress
import logging
import socket
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final

from mula_bridge import __version__
from mula_bridge.control import Service
from mula_bridge.net.guests import Peer
from mula_bridge.net.interfaces import heard_at, own_addresses

if TYPE_CHECKING:
    from zeroconf import ServiceInfo, Zeroconf

OSC_TYPE: Final = "_osc._udp.local."
QUERY_TYPE: Final = "_oscjson._tcp.local."
LOOK_S: Final = 5.0
"""How often interfaces are looked at."""
STOP_S: Final = 4.0
"""For goodbyes, behind an announcement that has just begun."""

Offer = tuple[str, str, Peer]
"""Service type, full name, numeric address and port."""
Announced = Mapping[Offer, tuple[str, ...]]
"""What is announced, and the addresses at which it is heard."""

log = logging.getLogger(__name__)


def services(name: str, osc: Peer | None, http: Peer | None) -> list[Offer]:
    """What there is to announce."""
    wanted = ((OSC_TYPE, osc), (QUERY_TYPE, http))
    return [(kind, f"{name}.{kind}", peer) for kind, peer in wanted if peer is not None]


class Advertiser:
    """Announces OSC and OSCQuery from ``start`` to ``stop``.

    ``osc`` and ``http`` are numeric addresses and ports, None for what is off. What listens on
    loopback only is announced to this machine only, and loopback never to others; but zeroconf
    itself hears UDP 5353 on every interface, so this is for those who asked for it.
    ``addresses`` tells the machine's own ones, as they are.
    """

    def __init__(
        self,
        osc: Peer | None,
        http: Peer | None,
        name: str = "mulabridge",
        *,
        addresses: Callable[[], tuple[str, ...]] = own_addresses,
        look_s: float = LOOK_S,
    ) -> None:
        offers = services(f"{name} on {_own_name()}", osc, http)
        self._idle = not offers
        self.announcer: Final = Announcer(offers, addresses, look_s)
        """The thread that announces; ``start`` begins it."""

    def start(self) -> str:
        """Begin, in the background; the notice for the user when that is impossible, else "".

        Never raises: nobody's music should stop because a name cannot be announced.
        """
        if self._idle:
            return ""
        try:
            import zeroconf  # noqa: F401
        except ImportError:
            return "not announced on the network: pip install zeroconf to be found by name"
        # Probing for a free name takes a second, which the daemon's start should not wait for.
        if not self.announcer.stopping.is_set():
            self.announcer.start()
        return ""

    def stop(self) -> None:
        """Say goodbye, so that lists forget us at once. Any thread; more than once is fine."""
        self.announcer.stop(STOP_S)


class Announcer(Service):
    """Keeps what is announced as it is to be. Loopback's and the network's are two groups, each
    with a socket set of its own."""

    def __init__(
        self, offers: list[Offer], addresses: Callable[[], tuple[str, ...]], look_s: float
    ) -> None:
        super().__init__("advertise")
        self._addresses = addresses
        self._look_s = look_s
        local = [one for one in offers if ipaddress.ip_address(one[2][0]).is_loopback]
        self._groups = [_Group(local), _Group([one for one in offers if one not in local])]

    def run(self) -> None:
        """Look, and announce what has changed, until the end; then say goodbye."""
        try:
            while not self.stopping.is_set():
                with self.item("announcing"):
                    self._look()
                self.stopping.wait(self._look_s)
        finally:
            for group in self._groups:
                with self.item("saying goodbye"):
                    group.close()

    def _look(self) -> None:
        from zeroconf import Error

        own = self._addresses()
        for group in self._groups:
            try:
                group.announce(own, self.stopping.is_set)
                group.trouble = ""
            except (OSError, Error, RuntimeError) as error:  # a network may come yet
                group.close()
                trouble = f"{type(error).__name__} {error}"
                if not self.stopping.is_set() and trouble != group.trouble:
                    group.trouble = trouble
                    log.warning("not announced on the network, for now: %s", trouble)


class _Group:
    """Services that are announced to the same listeners. The announcer's thread."""

    def __init__(self, offers: list[Offer]) -> None:
        self.trouble = ""
        """What was told of it and has not passed; empty while all is well."""
        self._offers = offers
        self._zeroconf: Zeroconf | None = None
        self._announced: Announced = {}

    def announce(self, own: tuple[str, ...], stopped: Callable[[], bool]) -> None:
        """Announce what is heard at our ``own`` addresses, if that is not as it was."""
        from zeroconf import IPVersion, Zeroconf

        heard = {offer: heard_at(offer[2][0], own) for offer in self._offers}
        wanted = {offer: addresses for offer, addresses in heard.items() if addresses}
        if wanted == self._announced:
            return
        self.close()
        if not wanted:
            self._announced = {}
            return
        # Each interface by name: the default choice leaves to a route what is announced where.
        hosts = list(dict.fromkeys(one for addresses in wanted.values() for one in addresses))
        both = any(":" in host for host in hosts)
        version = IPVersion.All if both else IPVersion.V4Only
        opened = self._zeroconf = Zeroconf(interfaces=hosts, ip_version=version)
        for offer, addresses in wanted.items():
            if not stopped():
                opened.register_service(_info(offer, addresses), allow_name_change=True)
        self._announced = wanted

    def close(self) -> None:
        """Say goodbye to those who were told."""
        opened, self._zeroconf = self._zeroconf, None
        self._announced = {}
        if opened is not None:
            try:
                opened.unregister_all_services()
            finally:
                opened.close()


def _info(offer: Offer, addresses: tuple[str, ...]) -> ServiceInfo:
    from zeroconf import ServiceInfo

    kind, name, (_, port) = offer
    return ServiceInfo(
        kind,
        name,
        port=port,
        parsed_addresses=list(addresses),
        # A name of our own: the machine's belongs to its own mDNS, which knows other addresses.
        server=f"{_own_name()}-mula-{port}.local.",
        properties={"txtvers": "1", "version": __version__},
    )


def _own_name() -> str:
    return socket.gethostname().partition(".")[0]
