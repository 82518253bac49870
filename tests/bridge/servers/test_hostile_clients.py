"""Clients that never read, never finish, never speak or are too many harm neither us nor others."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from struct import pack
from time import monotonic, sleep
from typing import Any

import pytest

from mula_bridge.control.messages.reports import TagsChanged
from mula_bridge.osc.framing import LengthPrefixed
from mula_bridge.osc.wire import decode, encode
from mula_bridge.servers.oscquery import site
from mula_bridge.servers.oscquery.clients import MAX_QUEUE, MAX_QUEUED, Client
from mula_bridge.servers.oscquery.server import OscQueryServer
from mula_bridge.servers.oscquery.site import MAX_CLIENTS, MAX_CONNECTIONS, MAX_FIELD
from mula_bridge.servers.tcp import OscTcpServer

aiohttp = pytest.importorskip("aiohttp")

PATIENCE_S = 5.0
SOON_S = 1.0
"""Within which others are answered, also beside eight other programs."""


@pytest.fixture
def server() -> Iterator[OscQueryServer]:
    server = OscQueryServer(port=0)
    server.start(lambda command, origin: None)
    yield server
    server.stop()


def until(condition: Any) -> None:
    end = monotonic() + PATIENCE_S
    while not condition():
        assert monotonic() < end
        sleep(0.005)


def dial(server: OscQueryServer | OscTcpServer) -> socket.socket:
    return socket.create_connection(server.address, PATIENCE_S)


def request(*fields: str, path: str = "/mula") -> bytes:
    lines = (f"GET {path} HTTP/1.1", "Host: 127.0.0.1", *fields, "", "")
    return "\r\n".join(lines).encode()


def status(server: OscQueryServer, *fields: str, path: str = "/mula") -> int:
    with dial(server) as raw:
        raw.sendall(request(*fields, "Connection: close", path=path))
        answer = b"".join(iter(lambda: raw.recv(65_536), b""))
    return int(answer.split()[1])


def hung_up(raw: socket.socket) -> bool:
    """Whether the other end closes within a while, whatever it says before."""
    raw.settimeout(PATIENCE_S)
    with suppress(ConnectionError):
        while raw.recv(65_536):
            pass
    return True


def others_are_answered(server: OscQueryServer) -> None:
    began = monotonic()
    assert status(server) == 200

    async def ping() -> None:
        async with aiohttp.ClientSession() as http, http.ws_connect(server.url) as opened:
            await opened.send_bytes(encode("/mula/ping", (1,)))
            (message,) = decode((await opened.receive(PATIENCE_S)).data)
            assert message.address == "/mula/pong"

    asyncio.run(ping())
    assert monotonic() - began < SOON_S


# --- HTTP -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [8_119, 16_384, MAX_FIELD - 100])
@pytest.mark.parametrize("name", ["Cookie", "X-Whatever"])
def test_other_programs_cookies_are_let_through(
    server: OscQueryServer, size: int, name: str
) -> None:
    assert status(server, f"{name}: {'c' * size}") == 200
    assert status(server, f"{name}: {'c' * size}", path="/page") == 200

    async def listen() -> None:
        headers = {name: "c" * size}
        async with aiohttp.ClientSession() as http, http.ws_connect(server.url, headers=headers):
            pass

    asyncio.run(listen())


def test_an_address_may_be_as_long_as_a_browser_makes_it(server: OscQueryServer) -> None:
    assert status(server, path=f"/mula?VALUE&{'q' * 16_384}") == 200


@pytest.mark.parametrize(
    "endless",
    [b"GET /" + b"a" * 1000, b"GET / HTTP/1.1\r\nX: " + b"a" * 1000, b"GET / HTTP/1.1\r\n"],
    ids=["line", "field", "fields"],
)
def test_a_request_that_never_ends_is_hung_up_on(server: OscQueryServer, endless: bytes) -> None:
    more = b"X-Y: z\r\n" * 100 if endless.endswith(b"\r\n") else b"a" * 1000
    with dial(server) as raw:
        sent = 0
        with suppress(ConnectionError):
            raw.sendall(endless)
            while sent < 1 << 22:
                raw.sendall(more)
                sent += len(more)
        assert sent < 1 << 22
    others_are_answered(server)


def test_a_connection_that_asks_for_nothing_is_hung_up_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(site, "SILENT_S", 0.2)
    server = OscQueryServer(port=0)
    server.start(lambda command, origin: None)
    with dial(server) as silent, dial(server) as halfway, dial(server) as idle:
        halfway.sendall(b"GET / HT")
        idle.sendall(request())
        for raw in (silent, halfway, idle):
            assert hung_up(raw)
    server.stop()


def test_of_too_many_connections_the_oldest_gives_way_but_no_websocket(
    server: OscQueryServer,
) -> None:
    async def script() -> None:
        async with aiohttp.ClientSession() as http, http.ws_connect(server.url) as opened:
            with ExitStack() as stack:
                held = [stack.enter_context(dial(server)) for _ in range(MAX_CONNECTIONS + 20)]
                assert await asyncio.to_thread(hung_up, held[0])
                assert await asyncio.to_thread(status, server) == 200
                await opened.send_bytes(encode("/mula/ping", (1,)))
                assert decode((await opened.receive(PATIENCE_S)).data)[0].address == "/mula/pong"
                held[-1].sendall(request())
                assert await asyncio.to_thread(held[-1].recv, 12) == b"HTTP/1.1 200"

    asyncio.run(script())
    assert server.counters.refused >= 20


def test_an_answer_that_nobody_reads_keeps_nobody_waiting(server: OscQueryServer) -> None:
    with ExitStack() as stack:
        for _ in range(20):
            raw = socket.socket()
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            raw.connect(server.address)
            stack.enter_context(raw).sendall(request() * 50)
        others_are_answered(server)


# --- websockets -----------------------------------------------------------------------------------


def upgrade(server: OscQueryServer) -> socket.socket:
    """Ask for a websocket that nobody looks after."""
    raw = socket.socket()
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    raw.settimeout(PATIENCE_S)
    raw.connect(server.address)
    key = "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA=="
    version = "Sec-WebSocket-Version: 13"
    raw.sendall(request("Upgrade: websocket", "Connection: Upgrade", key, version))
    return raw


def upgraded(server: OscQueryServer) -> socket.socket:
    """Such a websocket."""
    raw = upgrade(server)
    assert raw.recv(4096).startswith(b"HTTP/1.1 101")
    return raw


def text_frame(text: str) -> bytes:
    data = text.encode()
    return bytes([0x81, 0x80 | len(data)]) + bytes(4) + data


def test_a_websocket_that_never_reads_loses_the_oldest_and_nobody_waits(
    server: OscQueryServer,
) -> None:
    with upgraded(server) as deaf:
        deaf.sendall(text_frame(json.dumps({"COMMAND": "LISTEN", "DATA": "/mula/tags"})))
        until(lambda: any(one.listening for one in server._clients._clients.values()))
        (client,) = server._clients._clients.values()
        for number in range(300):
            server.report(TagsChanged((f"{number}{'x' * 30_000}",)))
        until(lambda: server.counters.dropped > 100)
        assert sum(map(len, client.waiting)) <= MAX_QUEUED
        others_are_answered(server)


@pytest.mark.parametrize("size", [0, 1, 40_000])
def test_what_waits_for_a_websocket_is_bounded_in_number_and_in_bytes(size: int) -> None:
    client = Client(("127.0.0.1", 1))
    for _ in range(2 * MAX_QUEUE):
        client.put(b"x" * size)
    assert len(client.waiting) <= MAX_QUEUE
    assert sum(map(len, client.waiting)) <= MAX_QUEUED
    assert client.dropped == 2 * MAX_QUEUE - len(client.waiting)
    client.put("y" * (2 * MAX_QUEUED))  # what is too large by itself is still sent
    assert [len(one) for one in client.waiting] == [2 * MAX_QUEUED]


@pytest.mark.parametrize(
    "begun",
    [
        b"\x82\xff" + pack(">Q", 1 << 40) + bytes(4),
        b"\x02\x81" + bytes(5),
        b"\x82",
        b"\x81\xfe\xff\xff" + bytes(4),
    ],
    ids=["huge", "fragments", "half-a-header", "half-a-text"],
)
def test_a_websocket_message_that_never_ends_is_bounded_and_others_go_on(
    server: OscQueryServer, begun: bytes
) -> None:
    more = b"\x00\x81" + bytes(5) if begun.startswith(b"\x02") else bytes(1000)
    with upgraded(server) as hostile:
        sent = 0
        with suppress(ConnectionError, TimeoutError):
            hostile.sendall(begun)
            while begun != b"\x82" and sent < 1 << 22:
                hostile.sendall(more)
                sent += len(more)
        assert sent < 1 << 22
        others_are_answered(server)


def test_many_websockets_at_once_are_no_more_than_there_is_room_for(
    server: OscQueryServer,
) -> None:
    with ExitStack() as stack:
        crowd = [stack.enter_context(upgrade(server)) for _ in range(MAX_CONNECTIONS)]
        answers = [one.recv(12) for one in crowd]
    assert answers.count(b"HTTP/1.1 101") == MAX_CLIENTS
    assert answers.count(b"HTTP/1.1 503") == MAX_CONNECTIONS - MAX_CLIENTS
    until(lambda: not server._clients)
    others_are_answered(server)


# --- OSC over TCP ---------------------------------------------------------------------------------


@pytest.fixture
def tcp() -> Iterator[OscTcpServer]:
    server = OscTcpServer(port=0, max_clients=4)
    server.start(lambda command, origin: None)
    yield server
    server.stop()


def answered(raw: socket.socket) -> bool:
    framing = LengthPrefixed()
    raw.sendall(framing.frame(encode("/mula/ping", (1,))))
    while not (packets := framing.feed(raw.recv(65_536))):
        pass
    return decode(packets[0])[0].address == "/mula/pong"


@pytest.mark.parametrize("begun", [b"", b"\0\0", b"\0\0\xff\xff" + bytes(60_000), b"\xc0/mula"])
def test_clients_that_never_finish_a_message_give_way_to_those_who_do(
    tcp: OscTcpServer, begun: bytes
) -> None:
    with ExitStack() as stack:
        friend = stack.enter_context(dial(tcp))
        assert answered(friend)
        silent = [stack.enter_context(dial(tcp)) for _ in range(20)]
        for one in silent[-3:]:
            one.sendall(begun)
        assert answered(stack.enter_context(dial(tcp)))
        assert answered(friend)
        assert hung_up(silent[0])
        assert len(tcp._clients) <= 4


def test_a_client_that_asks_without_reading_is_cut_off_and_others_go_on(tcp: OscTcpServer) -> None:
    with dial(tcp) as friend, dial(tcp) as deaf:
        assert answered(friend)
        ping = LengthPrefixed().frame(encode("/mula/ping", ("x" * 10_000,)))
        with suppress(ConnectionError):
            for _ in range(5000):
                deaf.sendall(ping)
        until(lambda: tcp.counters.cut_off == 1)
        assert answered(friend)


def test_a_half_open_connection_is_found_out_by_the_system(tcp: OscTcpServer) -> None:
    with dial(tcp) as friend:
        assert answered(friend)
        (client,) = tcp._clients.values()
        kept = client._transport.get_extra_info("socket")
        assert kept.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        if hasattr(socket, "TCP_KEEPIDLE"):
            assert kept.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) <= 60
