"""OSC over TCP: the server over real sockets, with ours and others' clients."""

from __future__ import annotations

import logging
import shutil
import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import suppress
from struct import pack
from threading import Event
from time import monotonic, sleep, time

import pytest

from mula_bridge import __version__
from mula_bridge.bindings.osc import OscBindings
from mula_bridge.control.knobs import KNOBS
from mula_bridge.control.messages.commands import Command, Generate, QueryDump, QueryKnob, SetKnob
from mula_bridge.control.messages.origin import DAEMON, Origin
from mula_bridge.control.messages.reports import Failed, KnobChanged, TagsChanged
from mula_bridge.errors import BadInput, Unavailable
from mula_bridge.mapping.file import parse_mapping
from mula_bridge.net.loop import MAX_WAITING
from mula_bridge.osc.framing import Framing, LengthPrefixed, Slip
from mula_bridge.osc.wire import Value, decode, encode
from mula_bridge.servers.tcp import SOURCE, OscTcpServer
from support.osc_packets import BAD, around

PATIENCE_S = 5.0
SILENCE_S = 0.15


class StandInSession:
    """Remembers what comes, and confirms knobs as the session does."""

    def __init__(self) -> None:
        self.server: OscTcpServer
        self.got: list[tuple[Command, Origin]] = []
        self.came = Event()

    def emit(self, command: Command, origin: Origin) -> None:
        self.got.append((command, origin))
        self.came.set()
        match command:
            case SetKnob(name, float() as value, norm):
                row = KNOBS[name]
                effective = row.from_norm(value) if norm else row.coerce(value)
                report = KnobChanged(name, effective, row.to_norm(effective))
                self.server.report(report, but=origin)
                self.server.report(report, to=origin)
            case QueryKnob(name):
                default = KNOBS[name].default
                self.server.report(KnobChanged(name, default, 0.5), to=origin)
            case QueryDump():
                self.server.report(KnobChanged("cfg", 1.5, 0.125), to=origin)


class Peer:
    """A TCP client that talks OSC in one framing."""

    def __init__(self, server: OscTcpServer, framing: Framing) -> None:
        self.socket = socket.create_connection(server.address, timeout=PATIENCE_S)
        self._framing = framing
        self._heard: list[tuple[str, tuple[Value, ...]]] = []

    def send(self, address: str, *args: Value, tags: str | None = None) -> None:
        self.socket.sendall(self._framing.frame(encode(address, args, tags)))

    def hear(self, count: int = 1) -> list[tuple[str, tuple[Value, ...]]]:
        while len(self._heard) < count:
            data = self.socket.recv(65_536)
            assert data, "the server hung up"
            for packet in self._framing.feed(data):
                self._heard += [(one.address, one.args) for one in decode(packet)]
        heard, self._heard = self._heard[:count], self._heard[count:]
        return heard

    def rest(self) -> list[tuple[str, tuple[Value, ...]]]:
        self.socket.settimeout(SILENCE_S)
        heard = []
        try:
            while True:
                heard += self.hear()
        except TimeoutError:
            self.socket.settimeout(PATIENCE_S)
            return heard


MakePeer = Callable[..., Peer]


@pytest.fixture
def session() -> StandInSession:
    return StandInSession()


@pytest.fixture
def server(session: StandInSession) -> Iterator[OscTcpServer]:
    server = OscTcpServer(port=0, max_clients=4)
    session.server = server
    server.start(session.emit)
    yield server
    server.stop()


@pytest.fixture
def peer(server: OscTcpServer) -> Iterator[MakePeer]:
    peers: list[Peer] = []

    def make(framing: Callable[[], Framing] = LengthPrefixed) -> Peer:
        peers.append(Peer(server, framing()))
        return peers[-1]

    yield make
    for one in peers:
        one.socket.close()


def until(condition: Callable[[], bool]) -> None:
    end = monotonic() + PATIENCE_S
    while not condition():
        assert monotonic() < end
        sleep(0.005)


@pytest.mark.parametrize("framing", [LengthPrefixed, Slip])
def test_a_client_is_answered_in_its_own_framing(
    peer: MakePeer, framing: Callable[[], Framing]
) -> None:
    one = peer(framing)
    one.send("/mula/ping", 1, "two", tags="is")
    assert one.hear() == [("/mula/pong", (1, "two"))]
    one.send("/mula/version")
    assert one.hear() == [("/mula/version", (__version__,))]


def test_a_change_is_confirmed_to_its_sender_and_told_to_subscribers(
    peer: MakePeer, session: StandInSession
) -> None:
    hand, watcher = peer(), peer(Slip)
    watcher.send("/mula/subscribe", 9001, "/mula/knob/*")  # the port means nothing here
    assert watcher.hear() == [("/mula/knob/cfg", (1.5,))]
    hand.send("/mula/knob/cfg", 99.0)
    assert hand.hear() == [("/mula/knob/cfg", (7.0,))]
    assert watcher.hear() == [("/mula/knob/cfg", (7.0,))]
    command, origin = session.got[-1]
    assert command == SetKnob("cfg", 99.0)
    assert origin.source == SOURCE
    watcher.send("/mula/unsubscribe")
    watcher.send("/mula/ping")
    watcher.hear()
    hand.send("/mula/knob/cfg", 2.0)
    hand.hear()
    assert watcher.rest() == []


def test_an_answer_goes_to_whoever_asked_only(peer: MakePeer) -> None:
    one, other = peer(), peer()
    other.send("/mula/subscribe")
    other.rest()
    one.send("/mula/knob/cfg")
    assert one.hear() == [("/mula/knob/cfg", (1.5,))]
    assert other.rest() == []


def test_a_mover_does_not_hear_its_own_value_but_hears_a_clamped_one(peer: MakePeer) -> None:
    one = peer()
    one.send("/mula/subscribe", 1, "/mula/knob/cfg")
    one.hear()
    one.send("/mula/knob/cfg", 3.0)
    assert one.rest() == []
    one.send("/mula/knob/cfg", 99.0)
    assert one.hear() == [("/mula/knob/cfg", (7.0,))]  # once the hand is still


def test_errors_name_the_address_and_are_limited(peer: MakePeer) -> None:
    one = peer()
    one.send("/mula/knob/cgf", 1.0)
    ((address, args),) = one.hear()
    assert (address, args[:2]) == ("/mula/error", ("/mula/knob/cgf", "unknown_address"))
    assert "/mula/knob/cfg" in str(args[2])
    for _ in range(100):
        one.send("/nothing")
    assert len(one.rest()) < 15


def test_patterns_reach_every_knob(peer: MakePeer, session: StandInSession) -> None:
    peer().send("/mula/knob/*/reset")
    until(lambda: len(session.got) == len(KNOBS))


def test_a_lamp_hears_that_its_tag_went_off(peer: MakePeer, server: OscTcpServer) -> None:
    one = peer()
    one.send("/mula/subscribe", 1, "/mula/tag/*")
    one.rest()
    server.report(TagsChanged(("techno",)), but=DAEMON)
    server.report(TagsChanged(()), but=DAEMON)
    assert one.hear(2) == [("/mula/tag/techno", (1,)), ("/mula/tag/techno", (0,))]


def test_a_stream_without_sense_is_cut_off(peer: MakePeer, server: OscTcpServer) -> None:
    one = peer()
    one.socket.sendall(b"GET / HTTP/1.1\r\n\r\n")
    assert one.socket.recv(1) == b""
    two = peer()
    two.socket.sendall(pack(">i", 1 << 30))
    assert two.socket.recv(1) == b""
    assert server.counters.cut_off == 2
    three = peer()
    three.socket.sendall(pack(">i", 4) + b"junk")  # a packet that is none harms nobody
    assert three.hear()[0][0] == "/mula/error"


def test_one_that_comes_and_makes_no_sense_again_and_again_is_a_few_lines_in_the_log(
    peer: MakePeer, server: OscTcpServer, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        for _ in range(40):
            one = peer()
            one.socket.sendall(b"GET / HTTP/1.1\r\n\r\n")
            assert one.socket.recv(1) == b""
    assert server.counters.cut_off == 40
    assert 1 <= sum("is cut off" in line for line in caplog.messages) < 20


@pytest.mark.parametrize("framing", [LengthPrefixed, Slip])
@pytest.mark.parametrize("bad", BAD.values(), ids=BAD)
def test_a_bad_message_in_a_bundle_is_named_and_the_others_are_obeyed(
    peer: MakePeer, session: StandInSession, framing: Callable[[], Framing], bad: bytes
) -> None:
    one = peer(framing)
    one.socket.sendall(framing().frame(around(bad)) + framing().frame(encode("/mula/ping")))
    heard = one.hear(2)
    assert [address for address, _ in heard] == ["/mula/error", "/mula/pong"]
    assert str(heard[0][1][0]).startswith("/mula/knob/cfg")
    got = [command for command, _ in session.got]
    assert got == [SetKnob("cfg", 3.0), SetKnob("top_k", 20)]


def test_packets_before_a_stream_lost_its_sense_are_obeyed(
    peer: MakePeer, session: StandInSession
) -> None:
    one = peer()
    good = LengthPrefixed().frame(encode("/mula/generate"))
    one.socket.sendall(good + pack(">i", 1 << 30))
    assert one.socket.recv(1) == b""
    assert [command for command, _ in session.got] == [Generate()]


def test_there_is_room_for_so_many(peer: MakePeer, server: OscTcpServer) -> None:
    held = [peer() for _ in range(4)]
    for one in held:
        one.send("/mula/ping")
        one.hear()
    late = peer()
    with pytest.raises((ConnectionError, AssertionError)):
        late.send("/mula/ping")
        late.hear()
    held[0].socket.close()
    until(lambda: len(server._clients) == 3)
    again = peer()
    again.send("/mula/ping")
    assert again.hear()


def test_a_client_that_does_not_read_is_cut_off(peer: MakePeer, server: OscTcpServer) -> None:
    one = peer()
    one.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    one.send("/mula/subscribe")
    one.hear()
    until(lambda: len(server._clients) == 1)
    text = "x" * 60_000
    for number in range(200):
        server.report(TagsChanged((f"{text}{number}",)))
    until(lambda: server.counters.cut_off == 1)
    until(lambda: not server._clients)


def test_strangers_are_not_let_in(peer: MakePeer, server: OscTcpServer) -> None:
    stranger = socket.create_connection(server.address, PATIENCE_S, ("127.0.0.2", 0))
    with stranger, suppress(ConnectionResetError):
        assert stranger.recv(1) == b""
    assert server.counters.refused == 1
    friend = peer()
    friend.send("/mula/ping")
    assert friend.hear()


def test_what_it_is_made_with_is_checked() -> None:
    assert OscTcpServer(allow=["192.168.1.0/24"]).guests.admit("192.168.1.7")
    with pytest.raises(BadInput, match="addresses or networks"):
        OscTcpServer(allow=["my phone"])
    with pytest.raises(BadInput, match="slip"):
        OscTcpServer(framing="morse")


def test_a_taken_port_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(Unavailable, match=str(port)):
            OscTcpServer(port=port).start(lambda *_: None)


def test_reports_never_block_even_when_nothing_runs() -> None:
    server = OscTcpServer(port=0)
    for _ in range(2 * MAX_WAITING):
        server.report(Failed("", "x", "y"))
    server.stop()
    server.start(lambda *_: None)
    server.stop()
    server.report(Failed("", "x", "y"))


def test_mapped_addresses_work_both_ways(session: StandInSession) -> None:
    mapping = "version: 1\nbindings: [{from: {osc: /1/fader1}, to: %s}]"
    bindings = OscBindings(parse_mapping(mapping % "cfg"))
    server = session.server = OscTcpServer(port=0, bindings=bindings)
    server.start(session.emit)
    hand, watcher = Peer(server, LengthPrefixed()), Peer(server, Slip())
    with hand.socket, watcher.socket:
        watcher.send("/mula/subscribe", 1, "/1/*")
        assert watcher.hear() == [("/1/fader1", (pytest.approx(0.125),))]
        hand.send("/1/fader1", 0.5)
        assert watcher.hear() == [("/1/fader1", (0.5,))]
        assert session.got[-1][0] == SetKnob("cfg", 0.5, norm=True)
        hand.rest()
        hand.send("/foreign", 1.0)  # some other business of such a program
        assert hand.rest() == []
        bindings.reload(parse_mapping(mapping % "morph"))
        hand.send("/1/fader1", 0.75)
        assert watcher.hear() == [("/1/fader1", (0.75,))]
        assert session.got[-1][0] == SetKnob("morph", 0.75, norm=True)
    server.stop()


def test_a_bundle_waits_for_its_time_when_asked_to(session: StandInSession) -> None:
    server = session.server = OscTcpServer(port=0, scheduled=True)
    server.start(session.emit)
    one = Peer(server, LengthPrefixed())
    with one.socket:
        message = encode("/mula/generate")
        tag = round((time() + 0.3 + 2_208_988_800) * 2**32).to_bytes(8, "big")
        packet = b"#bundle\0" + tag + len(message).to_bytes(4, "big") + message
        one.socket.sendall(LengthPrefixed().frame(packet))
        sleep(SILENCE_S)
        assert session.got == []
        assert session.came.wait(PATIENCE_S)
    server.stop()


@pytest.mark.parametrize("mode", ["1.0", "1.1"])
def test_python_oscs_client(server: OscTcpServer, session: StandInSession, mode: str) -> None:
    from pythonosc.tcp_client import SimpleTCPClient

    host, port = server.address
    with SimpleTCPClient(host, port, mode=mode) as client:
        client.send_message("/mula/knob/cfg", 2.5)
        assert session.came.wait(PATIENCE_S)
        assert session.got[0][0] == SetKnob("cfg", 2.5)
        messages = client.get_messages(timeout=2)
        assert next(iter(messages)).address == "/mula/knob/cfg"


@pytest.mark.liblo
@pytest.mark.skipif(shutil.which("oscsend") is None, reason="needs oscsend (liblo-tools)")
def test_liblos_client(server: OscTcpServer, session: StandInSession) -> None:
    url = f"osc.tcp://127.0.0.1:{server.port}/"
    subprocess.run(["oscsend", url, "/mula/generate", "s", "intro"], check=True, timeout=10)
    assert session.came.wait(PATIENCE_S)
    assert session.got[0][0] == Generate("intro")
