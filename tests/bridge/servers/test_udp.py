"""The OSC server over real sockets, with ours, python-osc's and liblo's clients."""

from __future__ import annotations

import logging
import shutil
import socket
import struct
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from time import monotonic, sleep

import pytest
from pythonosc.udp_client import SimpleUDPClient

from mula_bridge import __version__
from mula_bridge.control.knobs import KNOBS, KnobValue
from mula_bridge.control.messages.commands import (
    Command,
    Generate,
    NudgeKnob,
    QueryDump,
    QueryKnob,
    QueryStatus,
    ResetKnob,
    SetKnob,
    SetTags,
    Stop,
    ToggleTag,
)
from mula_bridge.control.messages.origin import DAEMON, Origin
from mula_bridge.control.messages.reports import (
    EngineChanged,
    Failed,
    FrameReport,
    JobChanged,
    KnobChanged,
    Report,
    StatusReport,
    TagsChanged,
)
from mula_bridge.control.messages.states import EngineState, JobState
from mula_bridge.errors import BadInput, Busy, MulaError, Unavailable
from mula_bridge.net.guests import LOOPBACK
from mula_bridge.osc.wire import Value, decode, encode
from mula_bridge.servers.udp import OscServer
from support.osc_packets import BAD, around

Heard = tuple[str, tuple[Value, ...]]
PATIENCE_S = 5.0
SILENCE_S = 0.15


class StandInSession:
    """In place of the session: keeps knobs and tags, and reports as the session does."""

    def __init__(self) -> None:
        self.server: OscServer | None = None
        self.got: list[tuple[Command, Origin]] = []
        self.knobs: dict[str, KnobValue] = {name: row.default for name, row in KNOBS.items()}
        self.tags: tuple[str, ...] = ()
        self.failure: Exception | None = None
        """What ``emit`` raises instead of taking a command."""

    def emit(self, command: Command, origin: Origin) -> None:
        if self.failure is not None:
            raise self.failure
        self.got.append((command, origin))
        try:
            self._obey(command, origin)
        except MulaError as error:
            self._report(Failed(origin.address, error.code, str(error)), to=origin)

    def commands(self) -> list[Command]:
        return [command for command, _ in self.got]

    def _obey(self, command: Command, origin: Origin) -> None:
        match command:
            case SetKnob(name, value, norm):
                row = KNOBS[name]
                assert not (norm and isinstance(value, str))
                self._turn(name, row.from_norm(value) if norm else row.coerce(value), origin)
            case NudgeKnob(name, delta):
                self._turn(name, KNOBS[name].coerce(self.knobs[name] + delta), origin)
            case ResetKnob(name):
                self._turn(name, KNOBS[name].default, origin)
            case QueryKnob(name):
                self._report(self._knob(name), to=origin)
            case SetTags(tuple() as tags):
                self._tag(tags, origin)
            case ToggleTag(tag, on):
                others = tuple(other for other in self.tags if other != tag)
                self._tag((*others, tag) if on else others, origin)
            case QueryStatus():
                self._report(StatusReport("fake", EngineState.READY, "", 0, 0, 0), to=origin)
            case QueryDump():
                for name in KNOBS:
                    self._report(self._knob(name), to=origin)
                self._report(TagsChanged(self.tags), to=origin)

    def _turn(self, name: str, value: KnobValue, origin: Origin) -> None:
        changed = self.knobs[name] != value
        self.knobs[name] = value
        if changed:
            self._report(self._knob(name), but=origin)
        self._report(self._knob(name), to=origin)

    def _tag(self, tags: tuple[str, ...], origin: Origin) -> None:
        self.tags = tags
        self._report(TagsChanged(tags), but=origin)
        self._report(TagsChanged(tags), to=origin)

    def _knob(self, name: str) -> KnobChanged:
        return KnobChanged(name, self.knobs[name], KNOBS[name].to_norm(self.knobs[name]))

    def _report(
        self, report: Report, *, to: Origin | None = None, but: Origin | None = None
    ) -> None:
        assert self.server is not None
        self.server.report(report, to=to, but=but)


class Peer:
    """A UDP socket that talks OSC to the server, and remembers nothing."""

    def __init__(self, server: OscServer, host: str = "127.0.0.1") -> None:
        self._to = server.address
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((host, 0))
        self.port: int = self.socket.getsockname()[1]

    def send(self, address: str, *args: Value, tags: str | None = None) -> None:
        self.raw(encode(address, args, tags))

    def raw(self, packet: bytes) -> None:
        self.socket.sendto(packet, self._to)

    def ping_after_the_others(self) -> None:
        """A ping that comes behind what was sent: it overtakes what still waits to be read."""
        sleep(0.1)
        self.send("/mula/ping")

    def hear(self, count: int = 1) -> list[Heard]:
        """The next ``count`` messages."""
        heard: list[Heard] = []
        self.socket.settimeout(PATIENCE_S)
        while len(heard) < count:
            heard += [(one.address, one.args) for one in decode(self.socket.recv(65_536))]
        return heard

    def rest(self, silence: float = SILENCE_S) -> list[Heard]:
        """Whatever comes until nothing comes any more."""
        heard: list[Heard] = []
        self.socket.settimeout(silence)
        try:
            while True:
                heard += [(one.address, one.args) for one in decode(self.socket.recv(65_536))]
        except TimeoutError:
            return heard


@pytest.fixture
def session() -> StandInSession:
    return StandInSession()


@pytest.fixture
def server(session: StandInSession) -> Iterator[OscServer]:
    server = OscServer(port=0)
    session.server = server
    server.start(session.emit)
    yield server
    server.stop()


@pytest.fixture
def peer(server: OscServer) -> Iterator[Callable[..., Peer]]:
    peers: list[Peer] = []

    def make(host: str = "127.0.0.1") -> Peer:
        peers.append(Peer(server, host))
        return peers[-1]

    yield make
    for one in peers:
        one.socket.close()


MakePeer = Callable[..., Peer]


def subscribed(peer: Peer, *args: Value) -> Peer:
    """A peer whose dump is over."""
    peer.send("/mula/subscribe", peer.port, *args)
    peer.rest()
    return peer


# --- answered without the session -------------------------------------------------------------


def test_ping_is_answered_with_the_same_arguments_while_the_session_is_stuck(
    session: StandInSession, peer: MakePeer
) -> None:
    one = peer()
    one.send("/mula/ping", 2.5, 2**40, "x", 1e300, tags="fhsd")
    assert one.hear() == [("/mula/pong", (2.5, 2**40, "x", 1e300))]
    assert session.got == []


def test_ping_is_answered_while_another_thread_holds_up_every_report(
    server: OscServer, peer: MakePeer
) -> None:
    one, stop = peer(), threading.Event()

    def flood() -> None:
        while not stop.is_set():
            server.report(EngineChanged(EngineState.STARTING, "warming up"))

    thread = threading.Thread(target=flood)
    thread.start()
    for count in range(20):
        one.send("/mula/ping", count)
        assert one.hear() == [("/mula/pong", (count,))]
    stop.set()
    thread.join()


def test_version(peer: MakePeer) -> None:
    one = peer()
    one.send("/mula/version")
    assert one.hear() == [("/mula/version", (__version__,))]


# --- knobs ------------------------------------------------------------------------------------


def test_commands_reach_the_session_with_their_origin(
    session: StandInSession, peer: MakePeer
) -> None:
    one = peer()
    one.send("/mula/norm/cfg", 0.5)
    one.hear()
    ((command, origin),) = session.got
    assert command == SetKnob("cfg", 0.5, norm=True)
    assert origin == Origin("osc", ("127.0.0.1", one.port))
    assert origin.address == "/mula/norm/cfg"


def test_a_client_hears_the_effective_value_on_the_address_it_used(peer: MakePeer) -> None:
    one = peer()
    one.send("/mula/knob/cfg", 99.0)
    assert one.hear() == [("/mula/knob/cfg", (7.0,))]
    one.send("/mula/norm/cfg", 0.5)
    assert one.hear() == [("/mula/norm/cfg", (0.5,))]
    one.send("/mula/knob/cfg/delta", 1.0)
    assert one.hear() == [("/mula/knob/cfg", (4.0,))]
    one.send("/mula/knob/cfg/reset")
    assert one.hear() == [("/mula/knob/cfg", (1.5,))]
    one.send("/mula/knob/key", "c#MIN")
    assert one.hear() == [("/mula/knob/key", ("C#min",))]
    one.send("/mula/knob/key")
    assert one.hear() == [("/mula/knob/key", ("C#min",))]
    assert one.rest() == []


def test_a_pattern_turns_every_knob_it_matches(session: StandInSession, peer: MakePeer) -> None:
    one = peer()
    one.send("/mula/knob/b*", 50)
    assert sorted(one.hear(2)) == [("/mula/knob/bars", (50,)), ("/mula/knob/bpm", (50.0,))]
    one.send("/mula/knob/{bars,bpm}/reset")
    one.hear(2)
    assert (session.knobs["bars"], session.knobs["bpm"]) == (4, 120.0)


def test_a_bundle_is_obeyed_in_order_at_once(session: StandInSession, peer: MakePeer) -> None:
    one = peer()
    far_future = b"#bundle\0" + b"\xff" * 8
    for address, args in (
        ("/mula/knob/cfg", (2.0,)),
        ("/mula/knob/cfg", (3.0,)),
        ("/mula/stop", ()),
    ):
        element = encode(address, args)
        far_future += struct.pack(">i", len(element)) + element
    one.raw(far_future)
    one.hear(2)
    assert session.commands()[:2] == [SetKnob("cfg", 2.0), SetKnob("cfg", 3.0)]
    assert session.knobs["cfg"] == 3.0
    wait_for(lambda: Stop() in session.commands())


def test_a_bundle_waits_for_its_time_when_asked_to(session: StandInSession) -> None:
    server = OscServer("127.0.0.1", 0, scheduled=True)
    session.server = server
    server.start(session.emit)
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            tag = round((time.time() + 0.3 + 2_208_988_800) * 2**32)
            message = encode("/mula/knob/cfg", (3.0,))
            packet = b"#bundle\0" + tag.to_bytes(8, "big") + len(message).to_bytes(4, "big")
            sender.sendto(packet + message, server.address)
            time.sleep(0.15)
            assert session.commands() == []
            deadline = time.monotonic() + PATIENCE_S
            while not session.commands() and time.monotonic() < deadline:
                time.sleep(0.01)
        assert session.commands() == [SetKnob("cfg", 3.0)]
    finally:
        server.stop()


def test_the_release_of_a_button_reaches_nobody(session: StandInSession, peer: MakePeer) -> None:
    one = peer()
    one.send("/mula/generate", 0.0)
    one.send("/mula/generate", 1.0)
    one.ping_after_the_others()
    one.hear()
    assert session.commands() == [Generate()]


# --- subscriptions ----------------------------------------------------------------------------


def test_subscribing_dumps_everything_and_then_brings_changes(peer: MakePeer) -> None:
    one, two, other = peer(), peer(), peer()
    one.send("/mula/subscribe", one.port)
    dump = dict(one.rest())
    assert dump["/mula/knob/cfg"] == (1.5,)
    assert dump["/mula/knob/key"] == ("Amin",)
    assert dump["/mula/tags"] == ("",)
    assert sum(address.startswith("/mula/norm/") for address in dump) == len(KNOBS)

    one.send("/mula/subscribe", two.port, "/mula/norm/*")  # a second port, for the same sender
    assert {address.rpartition("/")[0] for address, _ in two.rest()} == {"/mula/norm"}
    one.rest()

    other.send("/mula/knob/cfg", 3.0)
    assert other.hear() == [("/mula/knob/cfg", (3.0,))]
    assert one.hear(2) == [("/mula/knob/cfg", (3.0,)), ("/mula/norm/cfg", (0.5,))]
    assert two.hear(1) == [("/mula/norm/cfg", (0.5,))]
    assert one.rest() == two.rest() == other.rest() == []


def test_a_subscribers_own_change_comes_back_on_the_other_address_only(peer: MakePeer) -> None:
    one = subscribed(peer())
    one.send("/mula/norm/cfg", 0.5)
    assert one.rest(0.4) == [("/mula/knob/cfg", (3.0,))]


def test_a_clamped_value_is_corrected_when_the_hand_is_still(peer: MakePeer) -> None:
    one = subscribed(peer())
    for value in (8.0, 9.0, 10.0):
        one.send("/mula/knob/cfg", value)
        sleep(0.03)  # of moves that wait together only the newest would be read
    begun = monotonic()
    heard = one.hear(4)
    assert heard[:3] == [("/mula/norm/cfg", (1.0,))] * 3
    assert heard[3] == ("/mula/knob/cfg", (7.0,))
    assert 0.2 < monotonic() - begun < 2.0
    assert one.rest(0.4) == []


def test_subscribing_without_a_port_means_the_own_one_and_unsubscribing_ends_it(
    server: OscServer, peer: MakePeer
) -> None:
    one = peer()
    one.send("/mula/subscribe")
    assert len(one.rest()) > 2 * len(KNOBS)
    one.send("/mula/unsubscribe")
    one.ping_after_the_others()
    one.hear()
    server.report(KnobChanged("cfg", 2.0, 0.25))
    assert one.rest() == []


def test_frames_come_by_pattern_only(server: OscServer, peer: MakePeer) -> None:
    plain, keen = subscribed(peer()), subscribed(peer(), "/mula/{frame,job}")
    frame = FrameReport(
        "j", 1, 64, {"cfg": 2.0, "temperature": 1.0, "top_k": 50, "morph": 0.0}, 1, 0
    )
    server.report(frame, to=None, but=None)
    assert keen.hear() == [("/mula/frame", ("j", 1, 64, 2.0, 1.0, 50, 0.0))]
    assert plain.rest() == []


def test_a_tag_that_went_off_is_told_on_its_own_address(peer: MakePeer) -> None:
    panel, other = subscribed(peer(), "/mula/tag/*"), peer()
    other.send("/mula/tags", "techno", "dark")
    assert dict(panel.hear(2)) == {"/mula/tag/techno": (1,), "/mula/tag/dark": (1,)}
    panel.send("/mula/tag/lo_fi", 1)
    panel.rest(0.4)
    other.send("/mula/tag/dark", 0)
    assert other.hear(2)[-1] == ("/mula/tag/dark", (0,))
    assert ("/mula/tag/dark", (0,)) in panel.hear(3)
    panel.send("/mula/tags", "lo fi")
    assert ("/mula/tag/techno", (0,)) in panel.rest(0.4)


def test_the_thirty_third_subscriber_is_told_that_there_is_no_room(peer: MakePeer) -> None:
    one = peer()
    for port in range(32):
        one.send("/mula/subscribe", 20_000 + port, "/mula/nothing")
    one.send("/mula/subscribe", one.port)
    # It has subscriptions of its own (elsewhere), so the answer goes there.
    other = peer()
    other.send("/mula/subscribe")
    ((address, args),) = other.hear()
    assert address == "/mula/error"
    assert args[:2] == ("/mula/subscribe", "busy")


def test_feedback_targets_hear_every_change(session: StandInSession) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as target:
        target.bind(("127.0.0.1", 0))
        target.settimeout(PATIENCE_S)
        server = OscServer(port=0, feedback_targets=[("localhost", target.getsockname()[1])])
        server.start(session.emit)
        try:
            server.report(KnobChanged("cfg", 3.0, 0.5), to=None, but=DAEMON)
            heard = [decode(target.recv(2048))[0][:2] for _ in range(2)]
        finally:
            server.stop()
    assert heard == [("/mula/knob/cfg", (3.0,)), ("/mula/norm/cfg", (0.5,))]


# --- errors -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("address", "args", "expected"),
    [
        (
            "/mula/knob/cgf",
            (1.0,),
            ("unknown_address", "no such address; did you mean /mula/knob/cfg?"),
        ),
        ("/mula/knob/*x*", (1.0,), ("unknown_address", None)),
        ("/mula/knob/[x", (1.0,), ("bad_osc", None)),
        ("/mula/knob/cfg", ("loud",), ("bad_input", None)),
        ("/mula/knob/key", ("Hmaj",), ("unknown", None)),
    ],
)
def test_the_offender_is_told(
    peer: MakePeer, address: str, args: tuple[Value, ...], expected: tuple[str, str | None]
) -> None:
    one = peer()
    one.send(address, *args)
    ((where, (about, code, text)),) = one.hear()
    assert (where, about, code) == ("/mula/error", address, expected[0])
    assert expected[1] in (None, text)
    assert text


@pytest.mark.parametrize("bad", BAD.values(), ids=BAD)
def test_a_bad_message_in_a_bundle_is_named_and_the_others_are_obeyed(
    session: StandInSession, peer: MakePeer, bad: bytes
) -> None:
    one = peer()
    one.raw(around(bad))
    (error,) = [args for address, args in one.hear(3) if address == "/mula/error"]
    assert str(error[0]).startswith("/mula/knob/cfg")
    got = [command for command, _ in session.got]
    assert got == [SetKnob("cfg", 3.0), SetKnob("top_k", 20)]


def test_garbage_is_told_once_in_a_while_and_nothing_else_suffers(
    server: OscServer, peer: MakePeer
) -> None:
    one, other = peer(), peer()
    for _ in range(75):
        one.raw(b"#bundle\0" + bytes(8) + b"\xff\xff\xff\xfc")
        one.send("/mula/knob/cgf", 1.0)
    other.send("/mula/knob/cfg", 2.0)
    assert other.hear() == [("/mula/knob/cfg", (2.0,))]
    errors = one.rest()
    assert 10 <= len(errors) < 25
    assert {args[1] for _, args in errors} == {"bad_osc", "unknown_address"}
    assert server.counters.malformed == 75
    assert server.counters.muted == 150 - len(errors)


def test_the_sessions_errors_count_towards_the_same_limit(
    server: OscServer, peer: MakePeer
) -> None:
    one = peer()
    to = Origin("osc", ("127.0.0.1", one.port))
    for _ in range(100):
        server.report(Failed("/mula/generate", "busy", "full"), to=to, but=None)
    assert 10 <= len(one.rest()) < 15


def test_our_own_reports_coming_back_are_not_answered(peer: MakePeer) -> None:
    one = peer()
    one.send("/mula/error", "/x", "code", "text")
    one.send("/mula/pong")
    one.ping_after_the_others()
    assert one.rest() == [("/mula/pong", ())]


def test_a_full_session_is_told_to_the_sender(session: StandInSession, peer: MakePeer) -> None:
    session.failure = Busy("4096 messages are waiting")
    one = peer()
    one.send("/mula/generate")
    assert one.hear()[0][1][:2] == ("/mula/generate", "busy")


def test_a_bug_behind_one_address_is_logged_and_survived(
    session: StandInSession, peer: MakePeer, caplog: pytest.LogCaptureFixture
) -> None:
    session.failure = RuntimeError("a bug")
    one = peer()
    with caplog.at_level(logging.ERROR):
        one.send("/mula/generate")
        one.ping_after_the_others()
        one.hear()
    assert "a bug" in caplog.text


def test_a_report_that_cannot_be_sent_is_counted_and_not_raised(
    server: OscServer, peer: MakePeer
) -> None:
    """A sentence would be cut, a name cannot be."""
    subscribed(peer())
    server.report(JobChanged("x" * 100_000, JobState.QUEUED))
    assert server.counters.dropped == 1


def test_what_osc_cannot_spell_is_written_out_for_whoever_hears_it(
    server: OscServer, peer: MakePeer
) -> None:
    one = subscribed(peer())
    server.report(EngineChanged(EngineState.FAILED, "a nul \0, a byte \udce9, half \ud83d"))
    told = r"a nul \x00, a byte \udce9, half \ud83d"
    assert one.hear() == [("/mula/engine", ("failed", told))]


# --- who is let in ----------------------------------------------------------------------------


def test_strangers_are_ignored(
    server: OscServer,
    session: StandInSession,
    peer: MakePeer,
    caplog: pytest.LogCaptureFixture,
) -> None:
    stranger, friend = peer("127.0.0.2"), peer()
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            stranger.send("/mula/ping")
            stranger.send("/mula/stop")
        friend.ping_after_the_others()
        friend.hear()
    assert stranger.rest() == []
    assert session.got == []
    assert server.counters.refused == 6
    assert len(caplog.records) == 1
    assert "127.0.0.2" in caplog.text


def test_strangers_without_number_are_a_few_lines_in_the_log(
    server: OscServer, peer: MakePeer, caplog: pytest.LogCaptureFixture
) -> None:
    friend = peer()
    with caplog.at_level(logging.WARNING):
        for number in range(2, 42):
            peer(f"127.0.0.{number}").send("/mula/ping")
        friend.ping_after_the_others()
        friend.hear()
    assert server.counters.refused == 40
    assert 1 <= len(caplog.records) < 20


def test_the_allow_list_adds_to_this_machine(
    session: StandInSession, caplog: pytest.LogCaptureFixture
) -> None:
    server = OscServer("0.0.0.0", 0, allow=("127.0.0.2/31",))
    with caplog.at_level(logging.WARNING):
        server.start(session.emit)
    assert "open to the network" in caplog.text
    assert "127.0.0.2/31" in caplog.text
    try:
        for host in ("127.0.0.1", "127.0.0.2", "127.0.0.3"):
            one = Peer(server, host)
            with one.socket:
                one._to = ("127.0.0.1", server.port)
                one.send("/mula/ping")
                assert one.hear() == [("/mula/pong", ())]
    finally:
        server.stop()


def test_loopback_is_no_reason_to_warn(server: OscServer, caplog: pytest.LogCaptureFixture) -> None:
    assert server.address[0] in LOOPBACK
    assert not caplog.records


def test_an_allow_list_is_addresses() -> None:
    with pytest.raises(BadInput, match="addresses or networks"):
        OscServer(allow=("my tablet",))


def test_it_cannot_be_made_to_talk_to_itself(server: OscServer, peer: MakePeer) -> None:
    one = peer()
    one.send("/mula/subscribe", server.port)
    ((address, args),) = one.hear()
    assert address == "/mula/error"
    assert "come back to us" in str(args[2])
    taken = server.port
    server.stop()
    mirrored = OscServer(port=taken, feedback_targets=[("127.0.0.1", taken)])
    with pytest.raises(BadInput, match="come back"):
        mirrored.start(lambda *_: None)


def test_it_works_over_ipv6(session: StandInSession) -> None:
    try:
        server = OscServer("::1", 0)
        server.start(session.emit)
    except Unavailable as error:
        pytest.skip(f"no IPv6 here: {error}")
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as one:
            one.settimeout(PATIENCE_S)
            one.sendto(encode("/mula/ping", (1,)), server.address)
            assert decode(one.recv(2048))[0][:2] == ("/mula/pong", (1,))
    finally:
        server.stop()


# --- starting and stopping --------------------------------------------------------------------


def test_a_taken_port_is_an_error_that_helps(server: OscServer) -> None:
    with pytest.raises(Unavailable, match=rf"127.0.0.1:{server.port} is taken.*--osc HOST:PORT"):
        OscServer(port=server.port).start(lambda *_: None)
    with pytest.raises(RuntimeError, match="already"):
        server.start(lambda *_: None)


def test_it_stops_twice_starts_again_and_is_silent_in_between(session: StandInSession) -> None:
    server = OscServer(port=0)
    assert server.address == ("127.0.0.1", 0)
    server.stop()
    for _ in range(2):
        server.start(session.emit)
        one = Peer(server)
        with one.socket:
            one.send("/mula/ping")
            one.hear()
        server.stop()
        server.stop()
        server.report(KnobChanged("cfg", 1.0, 0.0), to=None, but=None)
    assert not [thread for thread in threading.enumerate() if thread.name == "osc"]


# --- floods -----------------------------------------------------------------------------------


def test_in_a_flood_the_last_value_is_right(
    server: OscServer, session: StandInSession, peer: MakePeer
) -> None:
    one = peer()
    for burst in range(10):
        for index in range(150):  # as many as the smallest usual kernel buffer holds
            one.send("/mula/knob/cfg", 1.0 + index / 1000)
        one.send("/mula/knob/cfg", 6.5)
        wait_for(lambda burst=burst: server.counters.datagrams == (burst + 1) * 151)
        wait_for(lambda: session.knobs["cfg"] == 6.5)
    assert len(session.got) + server.counters.replaced == 10 * 151


def test_the_largest_datagram_is_taken(session: StandInSession, peer: MakePeer) -> None:
    one = peer()
    element = encode("/mula/knob/cfg", (3.0,))
    sized = struct.pack(">i", len(element)) + element
    count = (65_507 - 16) // len(sized)
    one.raw(b"#bundle\0" + bytes(8) + sized * count)
    wait_for(lambda: len(session.got) == count)


# --- foreign peers ----------------------------------------------------------------------------


def test_python_oscs_client_is_understood(session: StandInSession, server: OscServer) -> None:
    client = SimpleUDPClient("127.0.0.1", server.port)
    with client._sock:
        client.send_message("/mula/knob/cfg", 2.5)
        client.send_message("/mula/tags", ["techno", "dark"])
        client.send_message("/mula/generate", True)
        wait_for(lambda: Generate() in session.commands())
    assert session.commands() == [SetKnob("cfg", 2.5), SetTags(("techno", "dark")), Generate()]


def test_python_oscs_server_understands_us(server: OscServer) -> None:
    from pythonosc.dispatcher import Dispatcher
    from pythonosc.osc_server import BlockingOSCUDPServer

    heard: list[tuple[object, ...]] = []
    dispatcher = Dispatcher()
    dispatcher.set_default_handler(lambda address, *args: heard.append((address, *args)))
    with BlockingOSCUDPServer(("127.0.0.1", 0), dispatcher) as theirs:
        theirs.timeout = PATIENCE_S
        client = SimpleUDPClient("127.0.0.1", server.port)
        with client._sock:
            port: int = theirs.server_address[1]
            client.send_message("/mula/subscribe", [port, "/mula/{job,engine}"])
            client.send_message("/mula/ping", [])
            sleep(0.1)
        server.report(EngineChanged(EngineState.READY, "mini"), to=None, but=None)
        while not any(message[0] == "/mula/engine" for message in heard):
            theirs.handle_request()
    assert ("/mula/engine", "ready", "mini") in heard


needs_liblo = pytest.mark.skipif(
    not (shutil.which("oscsend") and shutil.which("oscdump")),
    reason="needs oscsend and oscdump (apt-get install liblo-tools)",
)


def oscsend(server: OscServer, *words: str) -> None:
    subprocess.run(["oscsend", "127.0.0.1", str(server.port), *words], check=True, timeout=10)


@pytest.mark.liblo
@needs_liblo
def test_oscsend_is_understood(session: StandInSession, server: OscServer) -> None:
    oscsend(server, "/mula/knob/cfg", "f", "2.5")
    oscsend(server, "/mula/norm/temperature", "d", "0.5")
    oscsend(server, "/mula/knob/top_k", "i", "40")
    oscsend(server, "/mula/knob/bars", "h", "8")
    oscsend(server, "/mula/knob/key", "s", "Cmaj")
    oscsend(server, "/mula/tags", "ss", "techno", "dark")
    oscsend(server, "/mula/generate", "T")
    oscsend(server, "/mula/generate", "F")
    oscsend(server, "/mula/stop", "I")
    oscsend(server, "/mula/knob/cfg", "N")
    wait_for(lambda: QueryKnob("cfg") in session.commands())
    assert session.commands() == [
        SetKnob("cfg", 2.5),
        SetKnob("temperature", 0.5, norm=True),
        SetKnob("top_k", 40),
        SetKnob("bars", 8),
        SetKnob("key", "Cmaj"),
        SetTags(("techno", "dark")),
        Generate(),
        Stop(),
        QueryKnob("cfg"),
    ]


@pytest.mark.liblo
@needs_liblo
def test_oscdump_hears_dump_changes_answers_and_errors(server: OscServer, tmp_path: Path) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    log = tmp_path / "heard.txt"
    with log.open("w") as written:
        dump = subprocess.Popen(["oscdump", "-L", port], stdout=written)
        try:
            # Until oscdump listens, what is sent to it is lost: ask again.
            wait_for(
                lambda: (
                    oscsend(server, "/mula/subscribe", "i", port)
                    or "/mula/knob/cfg f 1.5" in log.read_text()
                )
            )
            oscsend(server, "/mula/knob/cfg", "f", "99")
            oscsend(server, "/mula/status")
            oscsend(server, "/mula/knob/cgf", "f", "1")
            wait_for(lambda: "/mula/error" in log.read_text())
        finally:
            dump.terminate()
            dump.wait(5)
    lines = [line.split(" ", 1)[1] for line in log.read_text().splitlines()]
    assert '/mula/knob/key s "Amin"' in lines
    assert "/mula/knob/cfg f 7.000000" in lines
    assert '/mula/status sssiii "fake" "ready" "" 0 0 0' in lines
    assert any("did you mean /mula/knob/cfg?" in line for line in lines)


def wait_for(condition: Callable[[], object]) -> None:
    """Until ``condition`` is true; fails when that takes too long."""
    end = monotonic() + PATIENCE_S
    while not condition():
        assert monotonic() < end
        sleep(0.01)
