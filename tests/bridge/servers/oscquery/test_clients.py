"""Who of the websockets hears what, and what they may wish, without sockets."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mula_bridge.control.messages.commands import Command
from mula_bridge.control.messages.origin import Origin
from mula_bridge.control.messages.reports import KnobChanged
from mula_bridge.errors import BadInput
from mula_bridge.osc.wire import decode
from mula_bridge.servers.oscquery.clients import (
    MAX_QUEUE,
    SOURCE,
    Client,
    Clients,
    Verb,
    parse_wish,
    path_changed,
)
from mula_bridge.servers.oscquery.namespace import Namespace

CFG = "/mula/knob/cfg"
CHANGED = KnobChanged("cfg", 3.0, 0.5)


def refuse(command: Command, origin: Origin) -> None:
    raise AssertionError("nothing is emitted here")


@pytest.fixture
def clients() -> Clients:
    made = Clients(Namespace())
    made.begin(refuse)
    return made


def on_a_loop(function: Callable[[], None]) -> None:
    async def run() -> None:
        function()

    asyncio.run(run())


def listener(clients: Clients, port: int, *paths: str) -> Client:
    client = Client(("127.0.0.1", port))
    clients.join(client)
    for path in paths:
        clients.wish(json.dumps({"COMMAND": "LISTEN", "DATA": path}), client)
    return client


def heard(client: Client) -> list[str]:
    found = [decode(packet)[0].address for packet in client.waiting if isinstance(packet, bytes)]
    client.waiting.clear()
    return found


def test_news_go_to_listeners_but_not_to_whoever_made_them(clients: Clients) -> None:
    def script() -> None:
        hand, watcher, deaf = (
            listener(clients, 1, CFG), listener(clients, 2, CFG), listener(clients, 3)
        )  # fmt: skip
        clients._take(CHANGED, but=Origin(SOURCE, hand.peer, CFG))
        assert [heard(one) for one in (hand, watcher, deaf)] == [[], [CFG], []]
        # The same address and port at another transport are somebody else.
        clients._take(CHANGED, but=Origin("osc", hand.peer, CFG))
        assert heard(hand) == [CFG]

    on_a_loop(script)


def test_listening_brings_the_value_that_is_known(clients: Clients) -> None:
    def script() -> None:
        clients._take(CHANGED)
        client = listener(clients, 1, CFG)
        assert heard(client) == [CFG]
        clients.wish(json.dumps({"COMMAND": "LISTEN", "DATA": CFG}), client)
        assert heard(client) == []  # it listens already

    on_a_loop(script)


def test_what_clients_lost_is_counted_when_they_have_gone(clients: Clients) -> None:
    client = listener(clients, 1)
    for _ in range(MAX_QUEUE + 3):
        client.put("x")
    assert (clients.dropped, len(clients)) == (3, 1)
    clients.leave(client)
    assert (clients.dropped, len(clients)) == (3, 0)


def test_a_slow_client_loses_the_oldest_and_it_is_counted() -> None:
    async def fill() -> Client:
        client = Client(("127.0.0.1", 1))
        for number in range(MAX_QUEUE + 10):
            client.put(str(number))
        return client

    client = asyncio.run(fill())
    assert client.dropped == 10
    assert len(client.waiting) == MAX_QUEUE
    assert client.waiting[0] == "10"


def test_listen_and_ignore_are_read() -> None:
    assert parse_wish('{"COMMAND": "LISTEN", "DATA": "/mula/tags/"}') == ("LISTEN", "/mula/tags")
    assert parse_wish('{"COMMAND": "IGNORE", "DATA": "/"}').verb is Verb.IGNORE
    assert json.loads(path_changed("/mula")) == {"COMMAND": "PATH_CHANGED", "DATA": "/mula"}


@settings(max_examples=40)
@given(st.one_of(st.text(), st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(
        st.sampled_from(["COMMAND", "DATA", "x"]), inner | st.sampled_from(["LISTEN", "IGNORE"])
    ),
).map(json.dumps)))  # fmt: skip
def test_any_text_is_a_wish_or_bad_input(text: str) -> None:
    try:
        assert parse_wish(text).verb in Verb
    except BadInput as error:
        assert "LISTEN" in str(error)
