"""Announcing the daemon, seen by zeroconf's own browser on loopback."""

from __future__ import annotations

import sys
from collections.abc import Callable
from time import monotonic, sleep

import pytest

from mula_bridge.net.advertise import OSC_TYPE, QUERY_TYPE, Advertiser, services

PATIENCE_S = 15.0


def until(condition: Callable[[], object]) -> None:
    end = monotonic() + PATIENCE_S
    while not condition():
        assert monotonic() < end
        sleep(0.05)


def test_only_what_runs_is_announced() -> None:
    osc, http = ("127.0.0.1", 7770), ("127.0.0.1", 7772)
    assert services("x", osc, http) == [
        (OSC_TYPE, f"x.{OSC_TYPE}", osc),
        (QUERY_TYPE, f"x.{QUERY_TYPE}", http),
    ]
    assert services("x", None, http) == [(QUERY_TYPE, f"x.{QUERY_TYPE}", http)]
    idle = Advertiser(None, None)
    assert idle.start() == ""
    idle.stop()


def test_without_zeroconf_there_is_one_plain_notice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "zeroconf", None)
    advertiser = Advertiser(("127.0.0.1", 7770), None)
    assert "pip install zeroconf" in advertiser.start()
    advertiser.stop()


def test_a_browser_finds_both_services_and_hears_them_go() -> None:
    zeroconf = pytest.importorskip("zeroconf")
    advertiser = Advertiser(("127.0.0.1", 17770), ("127.0.0.1", 17772), name="mula test")
    found: dict[str, int] = {}

    class Ear(zeroconf.ServiceListener):  # type: ignore[misc, name-defined]
        def add_service(self, zc: object, kind: str, name: str) -> None:
            if name.startswith("mula test") and (info := ear.get_service_info(kind, name)):
                found[kind] = info.port

        def update_service(self, zc: object, kind: str, name: str) -> None: ...

        def remove_service(self, zc: object, kind: str, name: str) -> None:
            if name.startswith("mula test"):
                found.pop(kind, None)

    ear = zeroconf.Zeroconf(interfaces=["127.0.0.1"])
    try:
        browser = zeroconf.ServiceBrowser(ear, [OSC_TYPE, QUERY_TYPE], listener=Ear())
        assert advertiser.start() == ""
        until(lambda: found == {OSC_TYPE: 17770, QUERY_TYPE: 17772})
        advertiser.stop()
        until(lambda: not found)
        browser.cancel()
    finally:
        advertiser.stop()
        ear.close()


def test_stopping_before_it_began_is_fine() -> None:
    advertiser = Advertiser(("127.0.0.1", 17771), None)
    advertiser.stop()
    advertiser.start()
    advertiser.stop()
