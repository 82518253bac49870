"""Reading datagrams from a socket: many in one call where the system can, else one by one.

Linux gives up to 64 with one recvmmsg(2), which Python's socket does not have: a third of
the processor time, so that one sender alone cannot fill the kernel's buffer.
"""

from __future__ import annotations

import ctypes
import socket
import sys
from time import perf_counter_ns
from typing import Any, Final, Protocol

from mula_bridge.net import Peer

Datagram = tuple[bytes, Peer, int]
"""What came, from where, and when (``perf_counter_ns``)."""

MAX_DATAGRAM: Final = 65_536
AT_ONCE: Final = 64
_ADDRESS: Final = 8  # bytes of a sockaddr_in that differ: family, port, host
_MAX_PEERS: Final = 256


class Reading(Protocol):
    """One thread."""

    def read(self) -> list[Datagram]:
        """What waits in the socket, oldest first, but not endlessly; empty: nothing waits."""


def reading(opened: socket.socket) -> Reading:
    """The fastest way to read a non-blocking UDP socket here."""
    if sys.platform == "linux" and opened.family is socket.AF_INET:
        try:
            return ManyAtOnce(opened)
        except (OSError, AttributeError):  # a C library without recvmmsg
            pass
    return OneByOne(opened)


class OneByOne:
    """With recvfrom, anywhere."""

    def __init__(self, opened: socket.socket) -> None:
        self._socket = opened

    def read(self) -> list[Datagram]:
        """Up to ``AT_ONCE`` datagrams."""
        found: list[Datagram] = []
        for _ in range(AT_ONCE):
            try:
                data, sender = self._socket.recvfrom(MAX_DATAGRAM)
            except BlockingIOError:
                break
            except OSError:
                # Windows reports here that somebody we answered had gone (ECONNRESET).
                continue
            found.append((data, sender[:2], perf_counter_ns()))
        return found


class _Span(ctypes.Structure):
    """struct iovec"""

    _fields_ = (("base", ctypes.c_void_p), ("size", ctypes.c_size_t))


class _Message(ctypes.Structure):
    """struct msghdr"""

    _fields_ = (
        ("name", ctypes.c_void_p),
        ("name_size", ctypes.c_uint32),
        ("spans", ctypes.POINTER(_Span)),
        ("span_count", ctypes.c_size_t),
        ("control", ctypes.c_void_p),
        ("control_size", ctypes.c_size_t),
        ("flags", ctypes.c_int),
    )


class _Header(ctypes.Structure):
    """struct mmsghdr; ``size`` is that of what came"""

    _fields_ = (("message", _Message), ("size", ctypes.c_uint))


class ManyAtOnce:
    """With recvmmsg, on Linux, for IPv4."""

    def __init__(self, opened: socket.socket) -> None:
        """Raises AttributeError where there is no recvmmsg."""
        self._receive: Any = ctypes.CDLL(None, use_errno=True).recvmmsg
        self._socket = opened
        self._data = bytearray(AT_ONCE * MAX_DATAGRAM)
        self._names = bytearray(AT_ONCE * 16)
        self._peers: dict[bytes, Peer] = {}
        data = ctypes.addressof(ctypes.c_char.from_buffer(self._data))
        names = ctypes.addressof(ctypes.c_char.from_buffer(self._names))
        self._spans = (_Span * AT_ONCE)()
        self._headers = (_Header * AT_ONCE)()
        for index, (span, header) in enumerate(zip(self._spans, self._headers, strict=True)):
            span.base, span.size = data + index * MAX_DATAGRAM, MAX_DATAGRAM
            message = header.message
            message.name, message.name_size = names + index * 16, 16
            message.spans, message.span_count = ctypes.pointer(span), 1
        self._views = [
            (memoryview(self._data)[at * MAX_DATAGRAM :], at * 16, header)
            for at, header in enumerate(self._headers)
        ]

    def read(self) -> list[Datagram]:
        """Up to ``AT_ONCE`` datagrams."""
        count = self._receive(self._socket.fileno(), self._headers, AT_ONCE, 0, None)
        if count < 0:  # as a rule because nothing waits
            return []
        now, peers, names = perf_counter_ns(), self._peers, self._names
        found = []
        for view, at, header in self._views[:count]:
            raw = bytes(names[at : at + _ADDRESS])
            peer = peers.get(raw) or self._peer(raw)
            found.append((bytes(view[: header.size]), peer, now))
        return found

    def _peer(self, raw: bytes) -> Peer:
        if len(self._peers) >= _MAX_PEERS:
            self._peers.clear()
        found = socket.inet_ntoa(raw[4:8]), int.from_bytes(raw[2:4], "big")
        self._peers[raw] = found
        return found
