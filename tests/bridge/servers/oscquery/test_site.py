"""What the headers of a request say to the site."""

from __future__ import annotations

from mula_bridge.servers.oscquery.site import host_name, is_own_name, prefers_html

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"


def test_names_that_can_be_ours() -> None:
    for name in ("localhost", "127.0.0.1", "::1"):
        assert is_own_name(name, "127.0.0.1")
    assert is_own_name("192.168.1.5", "0.0.0.0")
    assert is_own_name("192.168.1.5", "192.168.1.5")
    assert not is_own_name("192.168.1.5", "127.0.0.1")
    assert not is_own_name("studio.example", "0.0.0.0")
    assert not is_own_name("", "127.0.0.1")
    assert host_name("[::1]:7772") == "::1"
    assert host_name("LocalHost:1") == "localhost"
    assert host_name("[::") == ""


def test_what_a_client_would_rather_have() -> None:
    assert prefers_html(BROWSER)
    for accept in ("", "*/*", "application/json", "text/html;q=0.5,*/*", "text/html;q=x", ";;,"):
        assert not prefers_html(accept)
