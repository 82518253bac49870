"""Bad input to the daemon with the built-in model: one clear error each, and nothing changes."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from mula_bridge.api.client import OscClient
from mula_bridge.osc.wire import decode
from support.daemon_process import daemon_process
from support.ports import free_udp_port

pytestmark = pytest.mark.slow

NAN = b"/mula/knob/cfg\0\0,f\0\0\x7f\xc0\0\0"


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    found = free_udp_port()
    options = ("--osc", f"127.0.0.1:{found}", "--engine", "mini", "--audio", "off", "--midi", "off")
    with daemon_process(tmp_path_factory.mktemp("clips"), *options) as process:
        process.wait_for("ready engine=mini")
        yield found


def test_unknown_tag_words_name_the_nearest_and_leave_the_tags(port: int) -> None:
    with OscClient("127.0.0.1", port) as client:
        client.send("/mula/tags", "dnb", "dark")
        assert next(client.replies(2.0)) == ("/mula/tags", ("drum and bass", "dark"))
        client.send("/mula/tags", "tecno", "dark")
        address, (where, code, text) = next(client.replies(2.0))
        assert (address, where, code) == ("/mula/error", "/mula/tags", "unknown_tag")
        assert "'tecno'" in str(text)
        assert "did you mean tekno" in str(text) or "did you mean techno" in str(text)
        client.send("/mula/tags")
        assert next(client.replies(2.0)) == ("/mula/tags", ("drum and bass", "dark"))


def test_a_number_that_is_none_is_refused(port: int) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
        peer.connect(("127.0.0.1", port))
        peer.settimeout(2.0)
        peer.send(NAN)
        (message,) = decode(peer.recv(2048))
    assert message.address == "/mula/error"
    assert "finite" in str(message.args[2]) or "NaN" in str(message.args[2])


def test_more_bars_than_the_model_can_hold_come_back_clamped(port: int) -> None:
    with OscClient("127.0.0.1", port) as client:
        client.send("/mula/knob/bars", 64)
        assert next(client.replies(2.0)) == ("/mula/knob/bars", (60,))
        client.send("/mula/knob/bars/reset")
        assert next(client.replies(2.0)) == ("/mula/knob/bars", (4,))
