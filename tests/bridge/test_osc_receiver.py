"""The receiving thread: order, bounds, waking up, and surviving what it calls."""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Iterator
from time import monotonic

import pytest

from mula_bridge import osc_receiver
from mula_bridge.osc_ports import open_udp
from mula_bridge.osc_receiver import Datagram, Receiver


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

    receiver = Receiver(opened, take)
    for index in range(200):
        sender.send(b"%d" % index)
    receiver.start()
    assert done.wait(5)
    receiver.stop()
    assert got == [b"%d" % index for index in range(200)]
    assert receiver._room == osc_receiver.MAX_WAITING


def test_it_says_from_where_and_takes_the_largest_datagram(
    opened: socket.socket, sender: socket.socket
) -> None:
    got: list[Datagram] = []
    done = threading.Event()

    def take(batch: list[Datagram]) -> None:
        got.extend(batch)
        done.set()

    receiver = Receiver(opened, take)
    receiver.start()
    sender.send(bytes(65_507))
    assert done.wait(5)
    receiver.stop()
    ((data, peer, _),) = got
    assert len(data) == 65_507
    assert peer == sender.getsockname()


def test_what_waits_is_bounded(
    opened: socket.socket, sender: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(osc_receiver, "MAX_WAITING", 1000)
    receiver = Receiver(opened, lambda batch: None)
    for _ in range(50):
        sender.send(bytes(36))
    receiver._drain()
    assert len(receiver._waiting) == 10
    receiver.start()
    receiver.stop()


def test_a_bug_in_the_callee_is_logged_and_survived(
    opened: socket.socket, sender: socket.socket, caplog: pytest.LogCaptureFixture
) -> None:
    done = threading.Event()

    def take(batch: list[Datagram]) -> None:
        if batch[0][0] == b"bad":
            raise RuntimeError("a bug")
        done.set()

    with caplog.at_level(logging.ERROR):
        receiver = Receiver(opened, take)
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
        receiver = Receiver(opened, take)
        receiver.start()
        sender.sendto(b"x", opened.getsockname())
        assert done.wait(5)
    receiver.stop()
    assert calls[2] - calls[0] >= 0.09
    assert len(calls) == 3


def test_a_lost_peer_is_no_reason_to_stop(opened: socket.socket) -> None:
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

        def fileno(self) -> int:
            return opened.fileno()

    receiver = Receiver(Reset(), lambda batch: None)  # type: ignore[arg-type]
    receiver._drain()
    assert [data for data, _, _ in receiver._waiting] == [b"x"]
    receiver._waiting.clear()
    receiver._stopping = True
    receiver.start()
    receiver.stop()


def test_stopping_from_its_own_thread(opened: socket.socket, sender: socket.socket) -> None:
    receiver = Receiver(opened, lambda batch: receiver.stop())
    receiver.start()
    sender.send(b"x")
    receiver._thread.join(5)
    assert not receiver._thread.is_alive()
