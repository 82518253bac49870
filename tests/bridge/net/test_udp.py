"""Opening a port, and saying who has it."""

from __future__ import annotations

import os
import socket

import pytest

from mula_bridge.errors import Unavailable
from mula_bridge.net import udp
from mula_bridge.net.udp import holder, is_loopback, open_udp, resolve


def test_a_taken_port_is_named_with_its_holder_and_a_remedy() -> None:
    with open_udp("127.0.0.1", 0) as opened:
        port = opened.getsockname()[1]
        with pytest.raises(Unavailable) as told:
            open_udp("127.0.0.1", port)
    text = str(told.value)
    assert f"127.0.0.1:{port} is taken" in text
    assert "--osc HOST:PORT" in text
    assert f"(pid {os.getpid()})" in text


@pytest.mark.parametrize("finder", ["_by_proc", "_by_psutil"])
def test_each_way_of_finding_the_holder(finder: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for other in {"_by_proc", "_by_psutil"} - {finder}:
        monkeypatch.setattr(udp, other, lambda port: None)
    with open_udp("127.0.0.1", 0) as opened:
        found = holder(opened.getsockname()[1])
    assert found is not None
    assert str(os.getpid()) in found


def test_not_finding_the_holder_is_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(port: int) -> str | None:
        raise PermissionError(port)

    monkeypatch.setattr(udp, "_by_proc", fail)
    monkeypatch.setattr(udp, "_by_psutil", fail)
    with (
        open_udp("127.0.0.1", 0) as opened,
        pytest.raises(Unavailable, match="is taken; choose"),
    ):
        open_udp("127.0.0.1", opened.getsockname()[1])


@pytest.mark.parametrize(
    ("host", "words"),
    [("192.0.2.1", "no interface has this address"), ("no such host.invalid", "finds no host")],
)
def test_a_host_that_cannot_be_listened_on(host: str, words: str) -> None:
    with pytest.raises(Unavailable, match=words):
        open_udp(host, 0)


def test_hosts_become_numeric_ipv4_first() -> None:
    assert resolve("localhost", 5) == (socket.AF_INET, ("127.0.0.1", 5))


def test_loopback() -> None:
    assert is_loopback("127.0.0.1")
    assert is_loopback("::1")
    assert not is_loopback("0.0.0.0")
    assert not is_loopback("192.168.1.5")
