"""Announces the daemon on the local network, so that controllers find it by name.

``_osc._udp`` is what TouchOSC and its like look for, ``_oscjson._tcp`` what OSCQuery clients
do (OSCQuery proposal, "Core Functionality"). Needs the optional package zeroconf; without it,
or without a network, everything else works on.
"""

from __future__ import annotations

import ipaddress
import logging
import socket
import threading
from typing import TYPE_CHECKING, Final

from mula_bridge import __version__
from mula_bridge.control import Task
from mula_bridge.net.guests import Peer

if TYPE_CHECKING:
    from zeroconf import ServiceInfo, Zeroconf

OSC_TYPE: Final = "_osc._udp.local."
QUERY_TYPE: Final = "_oscjson._tcp.local."

log = logging.getLogger(__name__)


def services(name: str, osc: Peer | None, http: Peer | None) -> list[tuple[str, str, Peer]]:
    """What there is to announce: service type, full name, numeric address and port."""
    wanted = ((OSC_TYPE, osc), (QUERY_TYPE, http))
    return [(kind, f"{name}.{kind}", peer) for kind, peer in wanted if peer is not None]


class Advertiser:
    """Announces OSC and OSCQuery from ``start`` to ``stop``.

    ``osc`` and ``http`` are numeric addresses and ports, None for what is off. What listens on
    loopback only is announced to this machine only; but zeroconf itself hears UDP 5353 on every
    interface, so this is for those who asked for it.
    """

    def __init__(self, osc: Peer | None, http: Peer | None, name: str = "mulabridge") -> None:
        host = socket.gethostname().partition(".")[0]
        self._services = services(f"{name} on {host}", osc, http)
        self._lock = threading.Lock()
        self._zeroconf: Zeroconf | None = None
        self._stopped = False
        self.announcer: Final = Task("advertise", self._announce)
        """The thread that announces; ``start`` begins it."""

    def start(self) -> str:
        """Begin, in the background; the notice for the user when that is impossible, else "".

        Never raises: nobody's music should stop because a name cannot be announced.
        """
        if not self._services:
            return ""
        try:
            import zeroconf  # noqa: F401
        except ImportError:
            return "not announced on the network: pip install zeroconf to be found by name"
        # Probing for a free name takes a second, which the daemon's start should not wait for.
        self.announcer.start()
        return ""

    def stop(self) -> None:
        """Say goodbye, so that lists forget us at once. Any thread; more than once is fine."""
        with self._lock:
            self._stopped = True
            opened, self._zeroconf = self._zeroconf, None
        if opened is not None:
            opened.unregister_all_services()
            opened.close()

    def _announce(self) -> None:
        from zeroconf import Error, Zeroconf

        hosts = sorted({peer[0] for _, _, peer in self._services if _specific(peer[0])})
        try:
            with self._lock:
                if self._stopped:
                    return
                # On loopback only, nothing of it is said to the network.
                opened = Zeroconf(interfaces=hosts) if hosts else Zeroconf()
                self._zeroconf = opened
            for kind, name, peer in self._services:
                opened.register_service(_info(kind, name, peer), allow_name_change=True)
        except (OSError, Error, RuntimeError) as error:
            if not self._stopped:
                log.warning("not announced on the network: %s", error)


def _info(kind: str, name: str, peer: Peer) -> ServiceInfo:
    from zeroconf import ServiceInfo

    host, port = peer
    addresses = [host] if _specific(host) else _own_addresses()
    return ServiceInfo(
        kind,
        name,
        port=port,
        parsed_addresses=addresses,
        server=f"{socket.gethostname().partition('.')[0]}.local.",
        properties={"txtvers": "1", "version": __version__},
    )


def _specific(host: str) -> bool:
    return not ipaddress.ip_address(host).is_unspecified


def _own_addresses() -> list[str]:
    """The address that the network would see us at, found without sending anything."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("224.0.0.251", 5353))
            return [str(probe.getsockname()[0])]
        except OSError:
            return ["127.0.0.1"]
