"""The OSCQuery server over real sockets, with aiohttp's client and independent ones."""

from __future__ import annotations

import asyncio
import json
import shutil
import socket
import subprocess
from collections.abc import Awaitable, Callable, Iterator
from importlib.util import find_spec
from threading import Event
from time import monotonic, sleep
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from mula_bridge import __version__
from mula_bridge.api import addresses
from mula_bridge.bindings.osc import OscBindings
from mula_bridge.control.knobs import KNOBS
from mula_bridge.control.messages.commands import Command, Generate, QueryDump, QueryStatus, SetKnob
from mula_bridge.control.messages.origin import DAEMON, Origin
from mula_bridge.control.messages.reports import EngineChanged, Failed, KnobChanged, StatusReport
from mula_bridge.control.messages.states import EngineState
from mula_bridge.errors import BadInput, Unavailable
from mula_bridge.mapping.file import parse_mapping
from mula_bridge.osc.wire import decode, encode
from mula_bridge.servers.oscquery.clients import SOURCE
from mula_bridge.servers.oscquery.server import OscQueryServer
from mula_bridge.servers.oscquery.site import MAX_CLIENTS
from support.osc_packets import BAD, around

aiohttp = pytest.importorskip("aiohttp")

PATIENCE_S = 5.0
BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
Heard = tuple[str, tuple[Any, ...]]


class StandInSession:
    """Remembers what comes, and reports as the session does."""

    def __init__(self) -> None:
        self.server: OscQueryServer
        self.got: list[tuple[Command, Origin]] = []
        self.came = Event()

    def emit(self, command: Command, origin: Origin) -> None:
        self.got.append((command, origin))
        report = self.server.report
        match command:
            case SetKnob(name, float() as value, norm):
                row = KNOBS[name]
                effective = row.from_norm(value) if norm else row.coerce(value)
                changed = KnobChanged(name, effective, row.to_norm(effective))
                report(changed, but=origin)
                report(changed, to=origin)
                self.came.set()
            case QueryDump():
                for row in KNOBS.values():
                    report(KnobChanged(row.name, row.default, row.to_norm(row.default)), to=origin)
            case QueryStatus():
                report(StatusReport("tone", EngineState.READY, "", 0, 0, 0), to=origin)
            case Generate():
                self.came.set()


@pytest.fixture
def session() -> StandInSession:
    return StandInSession()


@pytest.fixture
def server(session: StandInSession) -> Iterator[OscQueryServer]:
    server = OscQueryServer(port=0, osc=("127.0.0.1", 7770), presets=("aggressive",))
    session.server = server
    server.start(session.emit)
    yield server
    server.stop()


def get(server: OscQueryServer, path: str, **headers: str) -> tuple[int, str, dict[str, str]]:
    request = Request(server.url.rstrip("/") + path, headers=headers)
    try:
        with urlopen(request, timeout=PATIENCE_S) as answer:
            return answer.status, answer.read().decode(), dict(answer.headers)
    except HTTPError as error:
        with error:
            return error.code, error.read().decode(), dict(error.headers)


def value(server: OscQueryServer, path: str) -> Any:
    return json.loads(get(server, f"{path}?VALUE")[1]).get("VALUE")


def until(condition: Callable[[], bool]) -> None:
    end = monotonic() + PATIENCE_S
    while not condition():
        assert monotonic() < end
        sleep(0.01)


# --- HTTP -------------------------------------------------------------------------------------


def test_the_tree_has_what_the_session_says_is_set(server: OscQueryServer) -> None:
    until(lambda: value(server, "/mula/status") is not None)
    status, text, headers = get(server, "/")
    tree = json.loads(text)
    assert status == 200
    assert headers["Content-Type"].startswith("application/json")
    assert not [name for name in headers if name.lower().startswith("access-control")]
    knobs = tree["CONTENTS"]["mula"]["CONTENTS"]["knob"]["CONTENTS"]
    assert {name: node["VALUE"] for name, node in knobs.items()} == {
        name: [row.default] for name, row in KNOBS.items()
    }
    assert value(server, "/mula/status") == ["tone", "ready", "", 0, 0, 0]


def test_host_info_says_where_osc_is(server: OscQueryServer) -> None:
    info = json.loads(get(server, "/mula/anything?HOST_INFO")[1])
    assert info["NAME"] == f"mulabridge {__version__}"
    assert (info["OSC_IP"], info["OSC_PORT"]) == ("127.0.0.1", 7770)
    assert info["WS_PORT"] == server.port


def test_statuses_of_the_proposal(server: OscQueryServer) -> None:
    assert get(server, "/mula/generate?VALUE")[0] == 204
    assert get(server, "/mula/knob/cfg?COLOUR")[0] == 400
    assert get(server, "/mula/nothing")[0] == 404
    assert get(server, "/../../etc/passwd")[0] == 404


def test_values_follow_reports_also_those_meant_for_others(server: OscQueryServer) -> None:
    server.report(KnobChanged("cfg", 3.0, 0.5), to=Origin("osc", ("127.0.0.1", 9)))
    until(lambda: value(server, "/mula/knob/cfg") == [3.0])
    server.report(Failed("/x", "secret", "of somebody"), to=Origin("osc", ("127.0.0.1", 9)))
    server.report(KnobChanged("cfg", 4.0, 0.75))
    until(lambda: value(server, "/mula/knob/cfg") == [4.0])
    assert value(server, "/mula/error") is None


def test_browsers_get_the_page_and_clients_the_tree(server: OscQueryServer) -> None:
    for path, headers in (
        ("/", {"Accept": BROWSER}),
        ("/page", {}),
        ("/mula?HTML", {}),
    ):
        status, text, answered = get(server, path, **headers)
        assert status == 200
        assert text.startswith("<!doctype html>")
        assert "default-src 'none'" in answered["Content-Security-Policy"]
        assert answered["X-Content-Type-Options"] == "nosniff"
    assert get(server, "/?HOST_INFO", Accept=BROWSER)[1].startswith("{")


@pytest.mark.parametrize("host", ["evil.example", "evil.example:7772", "10.0.0.1", "[::", ""])
def test_another_hosts_name_is_refused(server: OscQueryServer, host: str) -> None:
    with socket.create_connection(server.address, timeout=PATIENCE_S) as raw:
        raw.sendall(f"GET /page HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
        answer = b"".join(iter(lambda: raw.recv(65_536), b""))
    assert answer.split()[1] in (b"403", b"400")


def test_only_get(server: OscQueryServer) -> None:
    with pytest.raises(HTTPError) as caught:
        urlopen(Request(server.url, data=b"{}", method="POST"), timeout=PATIENCE_S)
    assert caught.value.code == 405
    caught.value.close()


def test_a_taken_port_is_named(server: OscQueryServer) -> None:
    with pytest.raises(Unavailable, match=f"{server.port}.*--http"):
        OscQueryServer(port=server.port).start(lambda *_: None)
    with pytest.raises(BadInput, match="addresses or networks"):
        OscQueryServer(allow=["my phone"])


# --- websockets -------------------------------------------------------------------------------


class Socket:
    """A websocket as a client of the proposal has one."""

    def __init__(self, raw: Any) -> None:
        self.raw = raw

    async def wish(self, command: str, path: str) -> None:
        await self.raw.send_str(json.dumps({"COMMAND": command, "DATA": path}))

    async def send(self, address: str, *args: Any) -> None:
        await self.raw.send_bytes(encode(address, args))

    async def hear(self) -> Heard:
        message = await asyncio.wait_for(self.raw.receive(), PATIENCE_S)
        assert message.type is aiohttp.WSMsgType.BINARY, message
        (one,) = decode(message.data)
        return one.address, one.args

    async def rest(self, silence: float = 0.35) -> list[Heard]:
        heard = []
        try:
            while True:
                message = await asyncio.wait_for(asyncio.shield(self._next()), silence)
                heard.append(message)
        except TimeoutError:
            return heard

    def _next(self) -> asyncio.Future[Heard]:
        self._pending = getattr(self, "_pending", None)
        if self._pending is None or self._pending.done():
            self._pending = asyncio.ensure_future(self.hear())
        return self._pending


def talk(
    server: OscQueryServer, script: Callable[..., Awaitable[None]], count: int = 1, **options: Any
) -> None:
    async def run() -> None:
        async with aiohttp.ClientSession() as http:
            raws = [await http.ws_connect(server.url, **options) for _ in range(count)]
            try:
                await script(*map(Socket, raws))
            finally:
                for raw in raws:
                    await raw.close()

    asyncio.run(run())


def test_a_listener_hears_the_value_and_its_changes(server: OscQueryServer) -> None:
    until(lambda: value(server, "/mula/knob/cfg") == [1.5])

    async def script(one: Socket) -> None:
        await one.wish("LISTEN", "/mula/knob/cfg")
        assert await one.hear() == ("/mula/knob/cfg", (1.5,))
        server.report(KnobChanged("cfg", 3.0, 0.5), but=DAEMON)
        assert await one.hear() == ("/mula/knob/cfg", (3.0,))
        # Somebody else's question is no news; a value that is new to us is.
        server.report(KnobChanged("cfg", 3.0, 0.5), to=Origin("osc", 1))
        server.report(KnobChanged("cfg", 2.0, 0.25), to=Origin("osc", 1))
        assert await one.hear() == ("/mula/knob/cfg", (2.0,))
        await one.wish("IGNORE", "/mula/knob/cfg")
        await one.send("/mula/ping", 7)
        assert await one.hear() == ("/mula/pong", (7,))
        server.report(KnobChanged("cfg", 5.0, 1.0))
        assert await one.rest(0.1) == []

    talk(server, script)


def test_a_packet_is_obeyed_and_told_to_the_others(
    server: OscQueryServer, session: StandInSession
) -> None:
    until(lambda: value(server, "/mula/knob/cfg") == [1.5])

    async def script(hand: Socket, watcher: Socket) -> None:
        for one in (hand, watcher):
            for path in ("/mula/norm/cfg", "/mula/knob/cfg"):
                await one.wish("LISTEN", path)
                await one.hear()
        await hand.send("/mula/norm/cfg", 0.5)
        assert await watcher.hear() == ("/mula/knob/cfg", (3.0,))
        assert await watcher.hear() == ("/mula/norm/cfg", (0.5,))
        # Its own value on the address that it moved would fight the hand.
        assert await hand.rest() == [("/mula/knob/cfg", (3.0,))]
        await hand.send("/mula/norm/cfg", 2.0)
        assert await hand.rest() == [("/mula/knob/cfg", (5.0,)), ("/mula/norm/cfg", (1.0,))]

    talk(server, script, count=2)
    command, origin = session.got[-1]
    assert command == SetKnob("cfg", 2.0, norm=True)
    assert origin.source == SOURCE


@pytest.mark.parametrize("bad", BAD.values(), ids=BAD)
def test_a_bad_message_in_a_bundle_is_named_and_the_others_are_obeyed(
    server: OscQueryServer, session: StandInSession, bad: bytes
) -> None:
    async def script(one: Socket) -> None:
        await one.raw.send_bytes(around(bad))
        address, args = await one.hear()
        assert address == "/mula/error"
        assert args[0].startswith("/mula/knob/cfg")

    talk(server, script)
    got = [command for command, _ in session.got if isinstance(command, SetKnob)]
    assert got == [SetKnob("cfg", 3.0), SetKnob("top_k", 20)]


def test_what_is_wrong_comes_back_as_an_error(server: OscQueryServer) -> None:
    async def script(one: Socket) -> None:
        for send in (
            one.wish("LISTEN", "/mula/nowhere"),
            one.wish("DANCE", "/mula"),
            one.raw.send_str("no JSON"),
            one.raw.send_str(r'{"COMMAND": "LISTEN", "DATA": "/mula/half \ud83d"}'),
            one.raw.send_bytes(b"no OSC"),
            one.send("/mula/knob/cgf", 1.0),
            one.send("/mula/subscribe", 9001),
        ):
            await send
            address, args = await one.hear()
            assert address == "/mula/error"
            assert args[2]
        for _ in range(100):
            await one.send("/nothing")
        assert len(await one.rest(0.2)) < 15

    talk(server, script)


def test_the_sessions_refusal_reaches_whoever_asked(
    server: OscQueryServer, session: StandInSession
) -> None:
    async def script(one: Socket) -> None:
        await one.send("/mula/generate")
        assert session.came.wait(PATIENCE_S)
        server.report(Failed("/mula/generate", "busy", "later"), to=session.got[-1][1])
        assert await one.hear() == ("/mula/error", ("/mula/generate", "busy", "later"))

    talk(server, script)


def test_mapped_addresses_work_both_ways(session: StandInSession) -> None:
    mapping = "version: 1\nbindings: [{from: {osc: /1/fader1}, to: %s}]"
    bindings = OscBindings(parse_mapping(mapping % "cfg"))
    server = session.server = OscQueryServer(port=0, bindings=bindings)
    server.start(session.emit)
    until(lambda: value(server, "/mula/knob/cfg") == [1.5])

    async def script(hand: Socket, watcher: Socket) -> None:
        for one in (hand, watcher):
            await one.wish("LISTEN", "/1/fader1")
            assert await one.hear() == ("/1/fader1", (0.125,))
        await watcher.wish("LISTEN", "/mula/knob/cfg")
        await watcher.hear()
        await hand.send("/1/fader1", 0.5)
        assert await watcher.hear() == ("/mula/knob/cfg", (3.0,))
        assert await watcher.hear() == ("/1/fader1", (0.5,))
        assert await hand.rest() == []  # it shows that already
        await hand.send("/foreign", 1.0)  # some other business of such a program
        assert await hand.rest(0.1) == []
        bindings.reload(parse_mapping(mapping % "morph"))
        await hand.send("/1/fader1", 0.75)
        assert await watcher.hear() == ("/1/fader1", (0.75,))
        assert session.got[-1][0] == SetKnob("morph", 0.75, norm=True)
        await hand.wish("IGNORE", "/1/fader1")
        await hand.wish("LISTEN", "/1/fader2")
        ((address, _),) = await hand.rest()
        assert address == "/mula/error"

    talk(server, script, count=2)
    server.stop()


def test_a_new_range_is_announced(server: OscQueryServer) -> None:
    async def script(one: Socket) -> None:
        await one.send("/mula/ping")
        await one.hear()
        server.limit({"top_k": (1, 64)})
        message = await asyncio.wait_for(one.raw.receive_json(), PATIENCE_S)
        assert message == {"COMMAND": "PATH_CHANGED", "DATA": "/mula/knob/top_k"}

    talk(server, script)
    assert json.loads(get(server, "/mula/knob/top_k?RANGE")[1])["RANGE"] == [{"MIN": 1, "MAX": 64}]


def test_ranges_that_are_told_before_it_runs_hold(session: StandInSession) -> None:
    server = OscQueryServer(port=0)
    session.server = server
    server.limit({"top_k": (1, 64)})
    server.start(session.emit)
    try:
        told = get(server, "/mula/knob/top_k?RANGE")[1]
        assert json.loads(told)["RANGE"] == [{"MIN": 1, "MAX": 64}]
    finally:
        server.stop()


def test_another_origin_opens_no_websocket(server: OscQueryServer) -> None:
    async def nothing(_: Socket) -> None: ...

    for origin in ("http://evil.example", "null", f"https://127.0.0.1:{server.port}"):
        with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
            talk(server, nothing, origin=origin)
        assert caught.value.status == 403
    talk(server, nothing, origin=f"http://127.0.0.1:{server.port}")
    assert server.counters.refused == 3


def test_there_is_room_for_so_many(server: OscQueryServer) -> None:
    async def script(*_: Socket) -> None:
        with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
            async with aiohttp.ClientSession() as http:
                await http.ws_connect(server.url)
        assert caught.value.status == 503

    talk(server, script, count=MAX_CLIENTS)


def test_stopping_closes_websockets_and_later_reports_go_nowhere(
    session: StandInSession,
) -> None:
    server = OscQueryServer(port=0)
    session.server = server
    server.start(session.emit)

    async def script(one: Socket) -> None:
        await one.send("/mula/ping")
        await one.hear()
        await asyncio.to_thread(server.stop)
        message = await asyncio.wait_for(one.raw.receive(), PATIENCE_S)
        assert message.type in (aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSED)

    talk(server, script)
    server.report(EngineChanged(EngineState.READY))
    server.limit({})
    server.stop()
    server.start(session.emit)
    server.stop()


# --- other people's clients -------------------------------------------------------------------


@pytest.mark.skipif(find_spec("pythonoscquery") is None, reason="needs python-oscquery")
def test_python_oscquerys_client(server: OscQueryServer) -> None:
    from pythonoscquery.osc_query_client import OSCQueryClient
    from zeroconf import ServiceInfo

    until(lambda: value(server, "/mula/norm/cfg") is not None)
    kind = "_oscjson._tcp.local."
    info = ServiceInfo(kind, f"x.{kind}", server.port, parsed_addresses=["127.0.0.1"])
    client = OSCQueryClient(info)
    host = client.get_host_info()
    assert (host.osc_ip, host.osc_port, host.osc_transport) == ("127.0.0.1", 7770, "UDP")
    # It takes no node that has both a value and children, or that is write-only: leaves, then.
    node = client.query_node("/mula/norm/cfg")
    assert (node.full_path, node.value, int(node.access)) == ("/mula/norm/cfg", [0.125], 3)
    assert client.query_node("/mula/nowhere") is None


NODE_CLIENT = """
const {DiscoveredService} = require("oscquery");
const service = new DiscoveredService("127.0.0.1", Number(process.argv[1]));
service.update().then(() => console.log(JSON.stringify({
  host: service.hostInfo, all: service.flat().map(node => node.full_path),
  top_k: service.resolvePath("/mula/knob/top_k").serialize(),
})));
"""


def node_has_oscquery() -> bool:
    node = shutil.which("node")
    if node is None:
        return False
    return subprocess.run(
        [node, "-e", 'require.resolve("oscquery")'], capture_output=True, check=False
    ).returncode == 0  # fmt: skip


@pytest.mark.skipif(not node_has_oscquery(), reason="needs node and npm's oscquery on NODE_PATH")
def test_npms_oscquery_client_reads_the_whole_tree(server: OscQueryServer) -> None:
    until(lambda: value(server, "/mula/status") is not None)
    done = subprocess.run(
        ["node", "-e", NODE_CLIENT, str(server.port)],
        capture_output=True, text=True, timeout=30, check=True,
    )  # fmt: skip
    found = json.loads(done.stdout)
    assert found["host"]["oscPort"] == 7770
    assert set(found["all"]) >= {address for address, _, _ in addresses.concrete()}
    assert found["top_k"]["RANGE"][0] == {"MIN": 1, "MAX": 250}
