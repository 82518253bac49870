"""The client that ``mula send`` uses."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from time import monotonic

import pytest

from mula_bridge.api.client import OscClient, parse_argument
from mula_bridge.errors import Unavailable
from mula_bridge.osc.wire import OscError, Value, decode, encode


@pytest.fixture
def daemon() -> Iterator[socket.socket]:
    """A bare socket in place of the daemon."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as opened:
        opened.bind(("127.0.0.1", 0))
        opened.settimeout(5)
        yield opened


@pytest.fixture
def client(daemon: socket.socket) -> Iterator[OscClient]:
    with OscClient(*daemon.getsockname()) as client:
        yield client


def test_it_sends_and_yields_replies_as_they_come(daemon: socket.socket, client: OscClient) -> None:
    client.send("/mula/knob/cfg", 2.5, 1, "x", True)
    packet, back = daemon.recvfrom(2048)
    assert decode(packet)[0][:2] == ("/mula/knob/cfg", (2.5, 1, "x", True))
    assert back[1] == client.port
    for count in range(3):
        daemon.sendto(encode("/mula/pong", (count,)), back)
    replies = client.replies(5)
    assert [next(replies) for _ in range(3)] == [("/mula/pong", (count,)) for count in range(3)]


def test_replies_end_after_the_timeout(client: OscClient) -> None:
    begun = monotonic()
    assert list(client.replies(0.1)) == []
    assert 0.09 < monotonic() - begun < 2


def test_what_is_no_osc_or_from_somebody_else_is_no_reply(
    daemon: socket.socket, client: OscClient
) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        stranger.sendto(encode("/mula/pong"), ("127.0.0.1", client.port))
    daemon.sendto(b"garbage", ("127.0.0.1", client.port))
    daemon.sendto(encode("/mula/pong", (1,)), ("127.0.0.1", client.port))
    assert list(client.replies(0.2)) == [("/mula/pong", (1,))]


def test_nobody_there_is_an_error_that_helps(daemon: socket.socket, client: OscClient) -> None:
    daemon.close()
    client.send("/mula/ping")
    with pytest.raises(Unavailable, match=r"nothing listens on 127.0.0.1:.*mula run"):
        list(client.replies(2))


def test_what_cannot_be_sent_is_said(client: OscClient) -> None:
    with pytest.raises(OscError):
        client.send("no/slash")
    with pytest.raises(Unavailable, match="finds no host"):
        OscClient("no such host.invalid", 7770)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1", 1),
        ("-1", -1),
        ("0.5", 0.5),
        ("1e3", 1000.0),
        ("true", True),
        ("false", False),
        ("techno", "techno"),
        ("C#min", "C#min"),
        ("nan", "nan"),
        ("inf", "inf"),
        ("1_000", "1_000"),
        ("", ""),
        ('"1"', "1"),
        ('"true"', "true"),
        ('"', '"'),
        ("True", "True"),
        ("9" * 400, "9" * 400),
    ],
)
def test_command_line_words_become_arguments(text: str, value: Value) -> None:
    parsed = parse_argument(text)
    assert parsed == value
    assert type(parsed) is type(value)
