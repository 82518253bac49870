"""The addresses at which this machine is reached by others, as they are now."""

from __future__ import annotations

import ipaddress
import socket

_FAMILIES = (socket.AF_INET, socket.AF_INET6)


def own_addresses() -> tuple[str, ...]:
    """The numeric addresses of every interface that is up, without loopback; those that only
    name a cable come last. Any thread.
    """
    import psutil

    states = psutil.net_if_stats()
    found = {
        address.address.partition("%")[0]
        for name, addresses in psutil.net_if_addrs().items()
        if name in states and states[name].isup
        for address in addresses
        if address.family in _FAMILIES
    }
    usable = (ipaddress.ip_address(text) for text in found)
    return tuple(
        str(one)
        for one in sorted(usable, key=lambda one: (one.is_link_local, one.version, int(one)))
        if not (one.is_loopback or one.is_unspecified or one.is_multicast)
    )


def heard_at(host: str, own: tuple[str, ...]) -> tuple[str, ...]:
    """Those of our ``own`` addresses at which a server that is bound to ``host`` hears; a
    loopback address is its own. ``host`` is numeric, and unspecified for all of its family.
    """
    bound = ipaddress.ip_address(host)
    if bound.is_loopback:
        return (host,)
    if bound.is_unspecified:
        return tuple(one for one in own if ipaddress.ip_address(one).version == bound.version)
    return (host,) if host in own else ()
