"""Both ways to read a socket, against real datagrams."""

from __future__ import annotations

import socket
import sys
from collections.abc import Callable, Iterator
from itertools import pairwise

import pytest

from mula_bridge.net.udp import open_udp
from mula_bridge.osc.udp.reading import AT_ONCE, ManyAtOnce, OneByOne, Reading, reading

WAYS = [
    OneByOne,
    pytest.param(
        ManyAtOnce, marks=pytest.mark.skipif(sys.platform != "linux", reason="Linux only")
    ),
]


@pytest.fixture
def opened() -> Iterator[socket.socket]:
    with open_udp("127.0.0.1", 0) as opened:
        yield opened


@pytest.fixture
def sender(opened: socket.socket) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.connect(opened.getsockname())
        yield sender


@pytest.mark.parametrize("way", WAYS)
def test_everything_comes_in_order_and_from_whom(
    way: Callable[[socket.socket], Reading], opened: socket.socket, sender: socket.socket
) -> None:
    one = way(opened)
    assert one.read() == []
    sent = [bytes([index]) * (index % 7) for index in range(AT_ONCE + 20)]
    for data in sent:
        sender.send(data)
    got = one.read() + one.read()
    assert [data for data, _, _ in got] == sent
    assert {peer for _, peer, _ in got} == {sender.getsockname()}
    assert all(later[2] >= earlier[2] for earlier, later in pairwise(got))
    assert one.read() == []


@pytest.mark.parametrize("way", WAYS)
def test_the_largest_datagram_comes_whole(
    way: Callable[[socket.socket], Reading], opened: socket.socket, sender: socket.socket
) -> None:
    one = way(opened)
    for size in (65_507, 3, 65_507):
        sender.send(bytes(range(256)) * 255 + bytes(227) if size > 3 else b"abc")
    assert [len(data) for data, _, _ in one.read()] == [65_507, 3, 65_507]


@pytest.mark.parametrize("way", WAYS)
def test_many_senders_are_told_apart(
    way: Callable[[socket.socket], Reading], opened: socket.socket
) -> None:
    one, ports = way(opened), []
    for _ in range(300):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
            peer.sendto(b"x", opened.getsockname())
            ports.append(peer.getsockname()[1])
    got = []
    while found := one.read():
        got += found
    assert [peer for _, peer, _ in got] == [("127.0.0.1", port) for port in ports]


def test_a_lost_peer_is_no_reason_to_stop() -> None:
    class Reset:
        """As Windows has it: a datagram that was refused makes the next receive fail."""

        def __init__(self) -> None:
            self.results: list[type[OSError] | bytes] = [
                ConnectionResetError,
                b"x",
                BlockingIOError,
            ]

        def recvfrom(self, size: int) -> tuple[bytes, tuple[str, int]]:
            result = self.results.pop(0)
            if isinstance(result, bytes):
                return result, ("127.0.0.1", 1)
            raise result

    one = OneByOne(Reset())  # type: ignore[arg-type]
    assert [data for data, _, _ in one.read()] == [b"x"]


def test_other_addresses_than_ipv4_are_read_one_by_one() -> None:
    try:
        opened = open_udp("::1", 0)
    except Exception:
        pytest.skip("no IPv6 on this machine")
    with opened:
        assert isinstance(reading(opened), OneByOne)
