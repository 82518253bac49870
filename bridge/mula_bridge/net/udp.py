"""Opening a UDP port, and naming the process that has it already."""

from __future__ import annotations

import contextlib
import errno
import ipaddress
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

from mula_bridge.errors import Unavailable
from mula_bridge.net.guests import Peer

RECEIVE_BUFFER: Final = 2 << 20
"""Bytes asked of the kernel for what waits (Linux gives at most net.core.rmem_max).

Some 5,000 small datagrams: read in less than 10 ms, which is what a ping waits behind them,
and more than any surface sends at once. More would lose less of a flood, and answer later.
"""
_SO_RCVBUFFORCE: Final = 33
"""Linux's socket(7): for root the limit does not count."""


def open_udp(host: str, port: int) -> socket.socket:
    """A non-blocking UDP socket bound to ``host`` and ``port`` (0: any free one).

    Raises Unavailable, which names the address, who holds it and what to do.
    """
    family, address = resolve(host, port)
    opened = socket.socket(family, socket.SOCK_DGRAM)
    try:
        if hasattr(socket, "SO_EXCLUSIVEADDRUSE"):
            # Without it Windows lets another program take the port over.
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
        if family is socket.AF_INET6:
            opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        _ask_for_room(opened)
        opened.bind(address)
    except OSError as error:
        opened.close()
        raise Unavailable(_refusal(host, port, error)) from None
    opened.setblocking(False)
    return opened


def receive_buffer(opened: socket.socket) -> int:
    """Bytes that the kernel gave of the ``RECEIVE_BUFFER`` it was asked for."""
    given = opened.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)
    return given // 2 if sys.platform == "linux" else given  # Linux doubles it for its own use


def _ask_for_room(opened: socket.socket) -> None:
    with contextlib.suppress(OSError):  # BSDs refuse what Linux cuts down
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
    if sys.platform == "linux" and receive_buffer(opened) < RECEIVE_BUFFER:
        with contextlib.suppress(OSError):
            opened.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, RECEIVE_BUFFER)


def resolve(
    host: str, port: int, family: socket.AddressFamily = socket.AF_UNSPEC
) -> tuple[socket.AddressFamily, Peer]:
    """The address family and numeric address of a host, IPv4 first. Raises Unavailable."""
    try:
        found = socket.getaddrinfo(host, port, family, socket.SOCK_DGRAM)
    except (OSError, UnicodeError) as error:
        raise Unavailable(f"OSC finds no host {host!r}: {error}") from None
    best, *_, address = min(found, key=lambda entry: entry[0] is not socket.AF_INET)
    return best, (str(address[0]), int(address[1]))


def is_loopback(host: str) -> bool:
    """Whether a numeric address can be reached from this machine only."""
    return ipaddress.ip_address(host).is_loopback


def holder(port: int) -> str | None:
    """The process that has a UDP port open, as ``name (pid 42)``, where that can be found."""
    finders: tuple[Callable[[int], str | None], ...] = (_by_proc, _by_psutil)
    for find in finders:
        try:
            if name := find(port):
                return name
        except Exception:  # a nicety: no failure of it may hide the real one
            continue
    return None


def _refusal(host: str, port: int, error: OSError) -> str:
    where = f"{host}:{port}"
    choose = "choose another with --osc HOST:PORT"
    if error.errno == errno.EADDRINUSE:
        by = holder(port)
        return f"OSC port {where} is taken" + (f" by {by}" if by else "") + f"; {choose}"
    if error.errno == errno.EADDRNOTAVAIL:
        return f"OSC cannot listen on {where}: no interface has this address; {choose}"
    return f"OSC cannot listen on {where}: {error.strerror or error}; {choose}"


def _by_psutil(port: int) -> str | None:
    import psutil

    for connection in psutil.net_connections(kind="udp"):
        if connection.laddr and connection.laddr.port == port and connection.pid:
            return f"{psutil.Process(connection.pid).name()} (pid {connection.pid})"
    return None


def _by_proc(port: int) -> str | None:
    """Linux: the socket's inode in /proc/net/udp, and whose descriptor points to it."""
    inodes = set()
    for table in ("/proc/net/udp", "/proc/net/udp6"):
        for line in Path(table).read_text().splitlines()[1:]:
            fields = line.split()
            if int(fields[1].rpartition(":")[2], 16) == port:
                inodes.add(f"socket:[{fields[9]}]")
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if any(str(link.readlink()) in inodes for link in (process / "fd").iterdir()):
                name = (process / "comm").read_text().strip()
                return f"{name} (pid {process.name})"
        except OSError:
            continue  # not ours to look into, or gone meanwhile
    return None
