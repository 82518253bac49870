"""Announcing the daemon, seen by zeroconf's own browser on loopback."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
import threading
from collections.abc import Callable
from time import monotonic, sleep

import pytest

from mula_bridge.net.advertise import OSC_TYPE, QUERY_TYPE, Advertiser, services
from support.network_namespaces import Machine, connect, machines

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


# --- several interfaces ---------------------------------------------------------------------------

SERVER = """
import sys
from mula_bridge.net.advertise import Advertiser
advertiser = Advertiser(("0.0.0.0", 7770), ("127.0.0.1", 7772), name="mula test", look_s=0.2)
assert advertiser.start() == ""
sys.stdin.readline()
advertiser.stop()
"""

BROWSER = f"""
import json
from threading import Event
from zeroconf import ServiceBrowser, ServiceListener, Zeroconf
class Ear(ServiceListener):
    def tell(self, zc, kind, name):
        info = zc.get_service_info(kind, name)
        told = sorted(info.parsed_addresses()) if info else []
        print(json.dumps([name, told]), flush=True)
    add_service = update_service = tell
    def remove_service(self, zc, kind, name):
        print(json.dumps([name, None]), flush=True)
ServiceBrowser(Zeroconf(), {[OSC_TYPE, QUERY_TYPE]!r}, listener=Ear())
Event().wait()
"""


class Browser:
    """What a machine knows of services: addresses by full name."""

    def __init__(self, machine: Machine) -> None:
        self._process = machine.python(BROWSER)
        self.found: dict[str, list[str]] = {}
        self.names: set[str] = set()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            name, addresses = json.loads(line)
            self.names.add(name)
            self.found.pop(name, None)
            if addresses is not None:
                self.found[name] = addresses

    def close(self) -> None:
        end(self._process)


def end(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.communicate(timeout=5)


@pytest.mark.slow
def test_every_interface_hears_of_every_address_once_and_never_of_loopback() -> None:
    pytest.importorskip("zeroconf")
    with machines("studio", "phone", "office", "mixer") as (studio, phone, office, mixer):
        connect(studio, phone, "wifi", "192.168.77.2/24", "192.168.77.9/24")
        connect(studio, office, "vpn", "10.66.0.2/24", "10.66.0.9/24")
        connect(studio, mixer, "cable", "169.254.10.2/16", "169.254.10.9/16")
        studio.ip("route", "add", "default", "via", "10.66.0.9")
        browsers = [Browser(one) for one in (phone, office, mixer)]
        server = studio.python(SERVER)
        try:
            every = sorted(["192.168.77.2", "10.66.0.2", "169.254.10.2"])
            for one in browsers:
                until(lambda one=one: list(one.found.values()) == [every])  # type: ignore[misc]
                (name,) = one.names
                assert name.endswith(OSC_TYPE)
            studio.ip("link", "set", "vpn", "down")
            phone_hears, _, mixer_hears = browsers
            left = sorted(["192.168.77.2", "169.254.10.2"])
            for one in (phone_hears, mixer_hears):
                until(lambda one=one: list(one.found.values()) == [left])  # type: ignore[misc]
            connect(studio, office, "lan", "172.20.0.2/24", "172.20.0.9/24")
            more = sorted([*left, "172.20.0.2"])
            until(lambda: list(phone_hears.found.values()) == [more])
            assert phone_hears.names == {name}  # the same service all the time
            server.communicate("end\n", timeout=PATIENCE_S)
            until(lambda: not phone_hears.found and not mixer_hears.found)
        finally:
            for one in browsers:
                one.close()
            end(server)


def test_a_fault_is_counted_and_what_is_to_be_announced_is_announced_later(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    zeroconf = pytest.importorskip("zeroconf")
    told: list[tuple[str, ...]] = []

    class Fake:
        def __init__(self, interfaces: list[str], ip_version: object) -> None:
            if len(told) == 1:
                told.append(())
                raise zeroconf.NonUniqueNameException
            told.append(tuple(interfaces))

        def register_service(self, info: object, allow_name_change: bool) -> None: ...
        def unregister_all_services(self) -> None: ...
        def close(self) -> None: ...

    monkeypatch.setattr(zeroconf, "Zeroconf", Fake)
    answers: list[object] = [RuntimeError, ("10.0.0.2",), (), ValueError, ("10.0.0.3",)]

    def addresses() -> tuple[str, ...]:
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if isinstance(answer, type):
            raise answer("a bug")
        assert isinstance(answer, tuple)
        return answer

    advertiser = Advertiser(("0.0.0.0", 7770), None, addresses=addresses, look_s=0.01)
    advertiser.start()
    until(lambda: told[-1:] == [("10.0.0.3",)])
    assert told == [("10.0.0.2",), (), ("10.0.0.3",)]
    assert advertiser.announcer.faults == 2
    assert not advertiser.announcer.dead
    advertiser.stop()
    assert not advertiser.announcer.alive


def test_stopping_in_the_middle_of_an_announcement_has_a_limit() -> None:
    pytest.importorskip("zeroconf")
    advertiser = Advertiser(("127.0.0.1", 17773), None)
    advertiser.start()
    sleep(0.05)
    began = monotonic()
    advertiser.stop()
    assert monotonic() - began < 4.5


def test_what_cannot_be_announced_for_long_is_told_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    zeroconf = pytest.importorskip("zeroconf")
    tries: list[object] = []

    def no_network(interfaces: list[str], ip_version: object) -> None:
        tries.append(interfaces)
        raise OSError(101, "no route")

    monkeypatch.setattr(zeroconf, "Zeroconf", no_network)
    advertiser = Advertiser(("0.0.0.0", 7770), None, addresses=lambda: ("10.0.0.2",), look_s=0.01)
    with caplog.at_level(logging.WARNING):
        advertiser.start()
        until(lambda: len(tries) >= 5)
        advertiser.stop()
    assert caplog.text.count("no route") == 1
