"""The receiving thread: order, bounds, waking up, and surviving what it calls."""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Iterator
from time import monotonic

import pytest

from mula_bridge.net.udp import open_udp
from mula_bridge.osc.udp.backlog import Backlog
from mula_bridge.osc.udp.receiver import Datagram, Receiver
from mula_bridge.osc.wire import encode


@pytest.fixture
def opened() -> Iterator[socket.socket]:
    with open_udp("127.0.0.1", 0) as opened:
        yield opened


@pytest.fixture
def sender(opened: socket.socket) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.connect(opened.getsockname())
        yield sender


def test_everything_comes_in_order(opened: socket.socket, sender: socket.socket) -> None:
    got: list[bytes] = []
    done = threading.Event()

    def take(batch: list[Datagram]) -> None:
        got.extend(data for data, _, _ in batch)
        if len(got) == 200:
            done.set()

    receiver = Receiver(opened, take, Backlog())
    for index in range(200):
        sender.send(b"%d" % index)
    receiver.start()
    assert done.wait(5)
    receiver.stop()
    assert got == [b"%d" % index for index in range(200)]
    assert not receiver.backlog


def test_pings_overtake_what_waits(opened: socket.socket, sender: socket.socket) -> None:
    got: list[bytes] = []
    done = threading.Event()
    ping = encode("/mula/ping")

    def take(batch: list[Datagram]) -> None:
        got.extend(data for data, _, _ in batch)
        if len(got) == 500:
            done.set()

    receiver = Receiver(opened, take, Backlog(urgent=ping))
    for _ in range(499):
        sender.send(b"x")
    sender.send(ping)
    receiver.start()
    assert done.wait(5)
    receiver.stop()
    assert got.index(ping) < 250  # first, unless the machine is too slow to read all at once


def test_a_bug_in_the_callee_is_logged_and_survived(
    opened: socket.socket, sender: socket.socket, caplog: pytest.LogCaptureFixture
) -> None:
    done = threading.Event()

    def take(batch: list[Datagram]) -> None:
        if batch[0][0] == b"bad":
            raise RuntimeError("a bug")
        done.set()

    with caplog.at_level(logging.ERROR):
        receiver = Receiver(opened, take, Backlog())
        receiver.start()
        sender.send(b"bad")
        while not caplog.records:
            threading.Event().wait(0.01)
        sender.send(b"good")
        assert done.wait(5)
        receiver.stop()
    assert "a bug" in caplog.text


def test_it_calls_again_after_the_pause_that_was_asked_for(opened: socket.socket) -> None:
    calls: list[float] = []
    done = threading.Event()

    def take(batch: list[Datagram]) -> float | None:
        calls.append(monotonic())
        if len(calls) == 3:
            done.set()
        return 0.05 if len(calls) < 3 else None

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        receiver = Receiver(opened, take, Backlog())
        receiver.start()
        sender.sendto(b"x", opened.getsockname())
        assert done.wait(5)
    receiver.stop()
    assert calls[2] - calls[0] >= 0.09
    assert len(calls) == 3


def test_stopping_from_its_own_thread(opened: socket.socket, sender: socket.socket) -> None:
    receiver = Receiver(opened, lambda batch: receiver.stop(), Backlog())
    receiver.start()
    sender.send(b"x")
    receiver._thread.join(5)
    assert not receiver._thread.is_alive()
