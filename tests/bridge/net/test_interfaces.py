"""Where this machine is reached by others."""

from __future__ import annotations

import socket
from types import SimpleNamespace

import psutil
import pytest

from mula_bridge.net.interfaces import heard_at, own_addresses

OWN = ("10.8.0.2", "192.168.1.5", "fd00::2", "169.254.7.7", "fe80::1")


@pytest.mark.parametrize(
    ("host", "addresses"),
    [
        ("0.0.0.0", ("10.8.0.2", "192.168.1.5", "169.254.7.7")),
        ("::", ("fd00::2", "fe80::1")),
        ("192.168.1.5", ("192.168.1.5",)),
        ("192.168.1.6", ()),
        ("127.0.0.1", ("127.0.0.1",)),
        ("::1", ("::1",)),
    ],
)
def test_a_server_is_heard_at_every_address_it_is_bound_to(
    host: str, addresses: tuple[str, ...]
) -> None:
    assert heard_at(host, OWN) == addresses


def test_loopback_and_what_is_down_are_no_addresses_of_ours(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def card(*texts: str) -> list[SimpleNamespace]:
        found = [
            SimpleNamespace(family=socket.AF_INET6 if ":" in text else socket.AF_INET, address=text)
            for text in texts
        ]
        return [*found, SimpleNamespace(family=-1, address="00:11:22:33:44:55")]

    cards = {
        "lo": card("127.0.0.1", "::1"),
        "cable": card("169.254.7.7", "fe80::1%cable"),
        "wifi": card("192.168.1.5"),
        "vpn": card("10.8.0.2"),
        "down": card("172.16.0.1"),
        "gone": card("172.16.0.2"),
    }
    states = {name: SimpleNamespace(isup=name != "down") for name in cards if name != "gone"}
    monkeypatch.setattr(psutil, "net_if_addrs", lambda: cards)
    monkeypatch.setattr(psutil, "net_if_stats", lambda: states)
    assert own_addresses() == ("10.8.0.2", "192.168.1.5", "169.254.7.7", "fe80::1")


def test_this_machine_can_be_asked() -> None:
    assert "127.0.0.1" not in own_addresses()
