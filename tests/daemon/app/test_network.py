"""What is served to other programs, over real sockets."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from time import monotonic, sleep
from typing import Any

import pytest

from mula_bridge.bindings.osc import OscBindings
from mula_bridge.control.messages.commands import Command, SetKnob
from mula_bridge.control.messages.origin import Origin
from mula_bridge.mapping.file import parse_mapping
from mula_bridge.osc.framing import LengthPrefixed
from mula_bridge.osc.wire import encode
from mula_bridge.servers.oscquery.server import OscQueryServer
from mula_bridge.servers.tcp import OscTcpServer
from mula_bridge.servers.udp import OscServer
from mula_daemon.app.network import start_network
from mula_daemon.settings.loading import load_config

aiohttp = pytest.importorskip("aiohttp")

PATIENCE_S = 5.0
MAPPING = "version: 1\nbindings: [{from: {osc: /1/fader1}, to: %s}]"


class StandInSession:
    """In place of mailbox and publisher: knows who listens, and what is set from where."""

    def __init__(self) -> None:
        self.servers: list[Any] = []
        self.got: list[tuple[str, str]] = []

    def listen(self, listener: object) -> None:
        self.servers.append(listener)

    def put(self, command: Command, origin: Origin) -> None:
        if isinstance(command, SetKnob):
            self.got.append((origin.source, command.name))

    def server(self, kind: type) -> Any:
        return next(one for one in self.servers if isinstance(one, kind))


@pytest.fixture
def session() -> StandInSession:
    return StandInSession()


@pytest.fixture
def bindings(session: StandInSession) -> Iterator[OscBindings]:
    bindings = OscBindings(parse_mapping(MAPPING % "cfg"))
    any_port = "127.0.0.1:0"
    texts = {"osc": any_port, "osc_tcp": any_port, "http": any_port}
    config = load_config(texts, environment={})
    with ExitStack() as stack:
        both: Any = session
        start_network(config, both, both, bindings, (), stack.callback)
        yield bindings


def turn_everywhere(session: StandInSession, packet: bytes) -> set[tuple[str, str]]:
    """Send a packet over every transport; the knobs that are set, and from where."""
    session.got.clear()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.sendto(packet, session.server(OscServer).address)
    tcp = socket.create_connection(session.server(OscTcpServer).address, PATIENCE_S)
    with tcp:
        tcp.sendall(LengthPrefixed().frame(packet))
        asyncio.run(send_over_websocket(session.server(OscQueryServer).url, packet))
        end = monotonic() + PATIENCE_S
        while len(session.got) < 3 and monotonic() < end:
            sleep(0.01)
    return set(session.got)


async def send_over_websocket(url: str, packet: bytes) -> None:
    async with aiohttp.ClientSession() as http, http.ws_connect(url) as websocket:
        await websocket.send_bytes(packet)
        await websocket.send_bytes(encode("/mula/ping"))
        await websocket.receive(PATIENCE_S)


def test_mapped_addresses_are_obeyed_over_every_transport_also_when_reloaded(
    session: StandInSession, bindings: OscBindings
) -> None:
    packet = encode("/1/fader1", (0.5,))
    sources = ("osc", "osc-tcp", "page")
    assert turn_everywhere(session, packet) == {(source, "cfg") for source in sources}
    bindings.reload(parse_mapping(MAPPING % "morph"))
    assert turn_everywhere(session, packet) == {(source, "morph") for source in sources}
