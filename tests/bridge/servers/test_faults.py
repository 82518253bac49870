"""Every server outlives an exception at each of its seams, counts it, and works after it."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from time import monotonic, sleep
from typing import Any
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest

from mula_bridge.api.conversation import Conversation
from mula_bridge.control.messages.commands import Command, SetKnob
from mula_bridge.control.messages.origin import Origin
from mula_bridge.control.messages.reports import KnobChanged
from mula_bridge.osc.framing import LengthPrefixed
from mula_bridge.osc.udp.backlog import Backlog
from mula_bridge.osc.wire import decode, encode
from mula_bridge.servers.oscquery.clients import Client
from mula_bridge.servers.oscquery.namespace import Namespace
from mula_bridge.servers.oscquery.server import OscQueryServer
from mula_bridge.servers.tcp import OscTcpServer
from mula_bridge.servers.udp import OscServer

aiohttp = pytest.importorskip("aiohttp")

PATIENCE_S = 5.0
Server = OscServer | OscTcpServer | OscQueryServer


class StandInSession:
    """Confirms knobs, as the session does."""

    def __init__(self) -> None:
        self.server: Server
        self.got: list[float] = []

    def emit(self, command: Command, origin: Origin) -> None:
        if isinstance(command, SetKnob) and isinstance(command.value, float):
            self.got.append(command.value)
            report = KnobChanged(command.name, command.value, 0.5)
            self.server.report(report, but=origin)
            self.server.report(report, to=origin)


def over_udp(server: OscServer, packet: bytes) -> bytes:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
        peer.settimeout(PATIENCE_S)
        peer.sendto(packet, server.address)
        return peer.recv(65_536)


def over_tcp(server: OscTcpServer, packet: bytes) -> bytes:
    framing = LengthPrefixed()
    with socket.create_connection(server.address, PATIENCE_S) as peer:
        peer.sendall(framing.frame(packet))
        while not (packets := framing.feed(peer.recv(65_536))):
            pass
        return packets[0]


def over_websocket(server: OscQueryServer, packet: bytes) -> bytes:
    async def talk() -> bytes:
        async with aiohttp.ClientSession() as http, http.ws_connect(server.url) as opened:
            await opened.send_str('{"COMMAND": "LISTEN", "DATA": "/mula/knob/cfg"}')
            await opened.send_bytes(packet)
            while True:  # first what was set before
                message = await opened.receive(PATIENCE_S)
                if decode(message.data)[0].args == decode(packet)[0].args:
                    return bytes(message.data)

    return asyncio.run(talk())


TALK: dict[type[Any], Callable[..., bytes]] = {
    OscServer: over_udp, OscTcpServer: over_tcp, OscQueryServer: over_websocket,
}  # fmt: skip


@contextmanager
def running(kind: Callable[..., Any]) -> Iterator[Any]:
    session = StandInSession()
    server = session.server = kind(port=0)
    server.start(session.emit)
    try:
        yield server
    finally:
        server.stop()


def until(condition: Callable[[], object]) -> None:
    end = monotonic() + PATIENCE_S
    while not condition():
        assert monotonic() < end
        sleep(0.005)


def works(server: Server) -> None:
    """A knob is turned and confirmed, over a real socket."""
    (message,) = decode(TALK[type(server)](server, encode("/mula/norm/cfg", (0.5,))))
    assert message.address in ("/mula/norm/cfg", "/mula/knob/cfg")
    assert message.args == (0.5,)


def once(monkeypatch: pytest.MonkeyPatch, where: Any, name: str) -> list[str]:
    """Let a method raise the next time that it is called; what is returned says that it did."""
    right = getattr(where, name)
    raised: list[str] = []

    def wrong(*args: Any, **options: Any) -> Any:
        if not raised:
            raised.append(name)
            raise RuntimeError(f"a bug in {name}")
        return right(*args, **options)

    monkeypatch.setattr(where, name, wrong)
    return raised


def provoke(server: Server) -> None:
    """Something for every seam to do, whether it is answered or not."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        match server:
            case OscServer():
                for _ in range(3):
                    udp.sendto(encode("/mula/norm/cfg", (0.25,)), server.address)
                    sleep(0.02)
            case OscTcpServer():
                packet = encode("/mula/norm/cfg", (0.25,))
                with socket.create_connection(server.address, PATIENCE_S) as peer:
                    for _ in range(3):
                        peer.sendall(len(packet).to_bytes(4, "big") + packet)
                    sleep(0.05)
            case OscQueryServer():
                asyncio.run(_provoke(server))
    server.report(KnobChanged("cfg", 3.0, 0.25))


async def _provoke(server: OscQueryServer) -> None:
    async with aiohttp.ClientSession() as http, http.ws_connect(server.url) as opened:
        for _ in range(3):
            await opened.send_bytes(encode("/mula/norm/cfg", (0.25,)))
        await opened.send_str('{"COMMAND": "LISTEN", "DATA": "/mula/knob/cfg"}')
        await asyncio.sleep(0.05)


KINDS = (OscServer, OscTcpServer, OscQueryServer)
SEAMS: tuple[tuple[type, Any, str], ...] = (
    *((kind, Conversation, "obey") for kind in KINDS),
    *((kind, Conversation, "due") for kind in KINDS),
    # UDP's are sent on the session's thread, which guards each listener.
    *((kind, Conversation, "report") for kind in KINDS[1:]),
    (OscServer, Backlog, "extend"),
    (OscServer, Backlog, "take"),
    (OscServer, OscServer, "_is_allowed"),
    (OscTcpServer, LengthPrefixed, "feed"),
    (OscTcpServer, LengthPrefixed, "frame"),
    (OscTcpServer, OscTcpServer, "joined"),
    (OscTcpServer, OscTcpServer, "left"),
    (OscQueryServer, Client, "put"),
    (OscQueryServer, Client, "send_all"),
    (OscQueryServer, Namespace, "take"),
)


@pytest.mark.parametrize(
    ("kind", "where", "name"),
    SEAMS,
    ids=[f"{kind.__name__}-{where.__name__}-{name}" for kind, where, name in SEAMS],
)
def test_a_bug_at_a_seam_costs_one_message_or_connection_and_is_counted(
    kind: type, where: Any, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    raised = once(monkeypatch, where, name)
    with running(kind) as server:
        (service,) = server.services
        # Its connection may be the price.
        with suppress(ConnectionError, aiohttp.ClientError):
            provoke(server)
        until(lambda: raised and service.faults)
        works(server)
        assert service.alive
        assert not service.dead


def test_a_socket_that_fails_to_be_read_is_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    with running(OscServer) as server:
        (service,) = server.services
        raised = once(monkeypatch, service._reading, "read")
        over_udp(server, encode("/mula/ping"))
        assert raised
        assert service.faults == 1
        works(server)


def test_a_page_that_cannot_be_made_is_an_answer_and_no_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with running(OscQueryServer) as server:
        (service,) = server.services
        once(monkeypatch, Namespace, "answer")
        with pytest.raises(HTTPError) as caught:
            urlopen(f"{server.url}mula", timeout=PATIENCE_S)
        assert caught.value.code == 500
        caught.value.close()
        assert service.faults == 1
        with urlopen(f"{server.url}mula", timeout=PATIENCE_S) as answer:
            assert answer.status == 200


@pytest.mark.parametrize("kind", [OscTcpServer, OscQueryServer], ids=["tcp", "oscquery"])
def test_a_loop_that_dies_comes_back_at_the_same_port(kind: type) -> None:
    session = StandInSession()
    server = session.server = kind(port=0)
    server.start(session.emit)
    works(server)
    (service,) = server.services
    address = server.address
    server._thread.call(_end_the_loop)
    until(lambda: service.faults == 1 and service.loop is not None)
    assert server.address == address
    works(server)
    server.stop()
    server.start(session.emit)  # and after a stop it may be started as ever
    works(server)
    server.stop()


def _end_the_loop() -> None:
    asyncio.get_running_loop().stop()
