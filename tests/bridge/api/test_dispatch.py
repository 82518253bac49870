"""Obeying messages for a transport, and whom a transport lets in."""

from __future__ import annotations

import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mula_bridge.api import addresses
from mula_bridge.api.dispatch import Dispatch
from mula_bridge.api.readers import Ping, Request
from mula_bridge.bindings.osc import OscBindings
from mula_bridge.control.knobs import KNOBS
from mula_bridge.control.messages.commands import (
    AuditionStop,
    Cancel,
    Command,
    Generate,
    Panic,
    QueryKnob,
    ResetKnob,
    SetKnob,
    Stop,
    StopTransport,
)
from mula_bridge.control.messages.origin import Origin
from mula_bridge.errors import BadInput, Busy, MulaError
from mula_bridge.mapping.file import parse_mapping
from mula_bridge.mapping.model import Mapping
from mula_bridge.net.guests import Guests
from mula_bridge.osc.arguments import Args
from mula_bridge.osc.values import IMPULSE, Value
from mula_bridge.osc.wire import Message, encode
from support.osc_packets import BAD, NAN, around, bundle

PEER = ("127.0.0.1", 50_000)


class StandInFront:
    """In place of a transport: remembers what it is asked to do."""

    def __init__(self) -> None:
        self.served: list[tuple[Request, Message, Origin]] = []
        self.confirmations: list[tuple[str, Args]] = []
        self.complaints: list[tuple[str, str]] = []
        self.emitted: list[tuple[Command, Origin]] = []
        self.failure: Exception | None = None
        """What ``serve`` and ``emit`` raise."""
        self.speechless: Exception | None = None
        """What ``complain`` raises."""

    def serve(self, request: Request, message: Message, origin: Origin) -> None:
        if self.failure is not None:
            raise self.failure
        self.served.append((request, message, origin))

    def moved(self, origin: Origin, confirmation: Args) -> None:
        self.confirmations.append((origin.address, confirmation))

    def complain(self, origin: Origin, error: MulaError) -> None:
        self.complaints.append((origin.address, error.code))
        if self.speechless is not None:
            raise self.speechless

    def emit(self, command: Command, origin: Origin) -> None:
        if self.failure is not None:
            raise self.failure
        self.emitted.append((command, origin))


@pytest.fixture
def front() -> StandInFront:
    return StandInFront()


@pytest.fixture
def dispatch(front: StandInFront) -> Dispatch:
    return Dispatch(front, front.emit, "test")


def test_a_command_is_emitted_after_its_move_is_known(
    front: StandInFront, dispatch: Dispatch
) -> None:
    dispatch.obey_packet(encode("/mula/knob/cfg", (2.0,)), PEER)
    ((command, origin),) = front.emitted
    assert command == SetKnob("cfg", 2.0)
    assert (origin.source, origin.peer, origin.address) == ("test", PEER, "/mula/knob/cfg")
    assert front.confirmations == [("/mula/knob/cfg", (2.0,))]


def test_a_question_moves_nothing(front: StandInFront, dispatch: Dispatch) -> None:
    dispatch.obey_packet(encode("/mula/knob/cfg", ()), PEER)
    assert [command for command, _ in front.emitted] == [QueryKnob("cfg")]
    assert front.confirmations == []


def test_what_needs_no_session_is_served(front: StandInFront, dispatch: Dispatch) -> None:
    dispatch.obey_packet(encode("/mula/ping", (7,)), PEER)
    ((request, message, _),) = front.served
    assert isinstance(request, Ping)
    assert (message.args, message.tags) == ((7,), "i")
    assert front.emitted == []


@pytest.mark.parametrize("address", ["/mula/knob/cfg/reset", "/mula/knob/*/reset"])
def test_the_moment_of_arrival_is_passed_on(
    front: StandInFront, dispatch: Dispatch, address: str
) -> None:
    dispatch.obey(Message(address), Origin("test", PEER, address, received_ns=42))
    assert {origin.received_ns for _, origin in front.emitted} == {42}


def test_a_pattern_becomes_every_address_that_fits(front: StandInFront, dispatch: Dispatch) -> None:
    dispatch.obey_packet(encode("/mula/knob/*/reset", ()), PEER)
    assert {command for command, _ in front.emitted} == {ResetKnob(name) for name in KNOBS}
    assert all(
        isinstance(command, ResetKnob) and origin.address == f"/mula/knob/{command.name}/reset"
        for command, origin in front.emitted
    )


@pytest.mark.parametrize(
    ("packet", "complaint"),
    [
        (b"no OSC", ("", "bad_osc")),
        (encode("/nothing", ()), ("/nothing", "unknown_address")),
        (encode("/mula/knob/*x*", ()), ("/mula/knob/*x*", "unknown_address")),
        (encode("/mula/knob/[x", ()), ("/mula/knob/[x", "bad_osc")),
        (encode("/mula/knob/cfg", ("loud",)), ("/mula/knob/cfg", "bad_input")),
    ],
)
def test_what_is_wrong_is_complained_about(
    front: StandInFront, dispatch: Dispatch, packet: bytes, complaint: tuple[str, str]
) -> None:
    dispatch.obey_packet(packet, PEER)
    assert front.complaints == [complaint]
    assert front.emitted == []


@pytest.mark.parametrize("address", ["/mula/ping", "/mula/generate"])
def test_a_refusal_is_complained_about(
    front: StandInFront, dispatch: Dispatch, address: str
) -> None:
    front.failure = Busy("later")
    dispatch.obey_packet(encode(address, ()), PEER)
    assert front.complaints == [(address, "busy")]


def test_a_bug_is_logged_and_survived(
    front: StandInFront, dispatch: Dispatch, caplog: pytest.LogCaptureFixture
) -> None:
    front.failure = RuntimeError("a bug")
    with caplog.at_level(logging.ERROR):
        dispatch.obey_packet(encode("/mula/generate", ()), PEER)
    assert "a bug" in caplog.text
    front.failure = None
    dispatch.obey_packet(encode("/mula/generate", ()), PEER)
    assert [command for command, _ in front.emitted] == [Generate()]


# --- one bad message among good ones -----------------------------------------------------------


@pytest.mark.parametrize("bad", BAD.values(), ids=BAD)
def test_a_bad_message_in_a_bundle_is_named_and_the_others_are_obeyed(
    front: StandInFront, dispatch: Dispatch, bad: bytes
) -> None:
    dispatch.obey_packet(around(bad), PEER)
    assert [command for command, _ in front.emitted] == [SetKnob("cfg", 3.0), SetKnob("top_k", 20)]
    ((address, code),) = front.complaints
    assert address.startswith("/mula/knob/cfg")
    assert code == "bad_osc"
    assert dispatch.malformed == 1


def mapping() -> Mapping:
    bound = "{from: {osc: /bound}, to: morph}"
    brake = "{from: {osc: /panic}, do: panic}"
    return parse_mapping(f"version: 1\nbindings: [{bound}, {brake}]\n")


FOREIGN = NAN.replace(b"/mula/knob/cfg", b"/live/track/1\0")


def test_beside_a_mapping_arguments_of_foreign_addresses_are_not_judged(
    front: StandInFront,
) -> None:
    dispatch = Dispatch(front, front.emit, "test", OscBindings(mapping()))
    dispatch.obey_packet(around(FOREIGN), PEER)
    dispatch.obey_packet(FOREIGN, PEER)
    assert len(front.emitted) == 2
    assert (front.complaints, dispatch.malformed) == ([], 0)
    dispatch.obey_packet(around(NAN.replace(b"/mula/knob/cfg\0\0", b"/bound\0\0")), PEER)
    assert front.complaints == [("/bound", "bad_osc")]


def test_without_a_mapping_they_are(front: StandInFront, dispatch: Dispatch) -> None:
    dispatch.obey_packet(FOREIGN, PEER)
    assert front.complaints == [("/live/track/1", "bad_osc")]


# --- what ends something -------------------------------------------------------------------------

PRESSES: dict[str, tuple[Value, ...]] = {
    "nothing": (),
    "bang": ("bang",),
    "impulse": (IMPULSE,),
    "two numbers": (1, 1.0),
    "a zero and a number": (0, 1.0),
    "word": ("now",),
    "blob": (b"xyz",),
    "negative": (-1.0,),
    "true": (True,),
}
BRAKES = {
    "/mula/panic": Panic(),
    "/mula/stop": Stop(),
    "/mula/audition/stop": AuditionStop(),
    "/mula/transport/stop": StopTransport(),
}


@pytest.mark.parametrize("args", PRESSES.values(), ids=PRESSES)
@pytest.mark.parametrize("address", BRAKES)
def test_what_ends_something_is_not_particular(
    front: StandInFront, dispatch: Dispatch, address: str, args: tuple[Value, ...]
) -> None:
    dispatch.obey_packet(encode(address, args), PEER)
    assert [command for command, _ in front.emitted] == [BRAKES[address]]
    assert front.complaints == []


@pytest.mark.parametrize("value", [0, 0.0, False, None, "0"])
@pytest.mark.parametrize("address", [*BRAKES, "/mula/cancel", "/panic"])
def test_the_release_of_a_button_ends_nothing(
    front: StandInFront, address: str, value: Value
) -> None:
    dispatch = Dispatch(front, front.emit, "test", OscBindings(mapping()))
    if (address, value) != ("/mula/cancel", "0"):  # that one is an id
        dispatch.obey_packet(encode(address, (value,)), PEER)
    assert front.emitted == []


@pytest.mark.parametrize("args", PRESSES.values(), ids=PRESSES)
def test_a_bound_address_that_ends_something_is_not_particular_either(
    front: StandInFront, args: tuple[Value, ...]
) -> None:
    dispatch = Dispatch(front, front.emit, "test", OscBindings(mapping()))
    dispatch.obey_packet(encode("/panic", args), PEER)
    assert [command for command, _ in front.emitted] == [Panic()]


@pytest.mark.parametrize(
    ("args", "command"),
    [
        (("bang",), Cancel()),
        ((1, 1.0), Cancel()),
        ((b"",), Cancel()),
        (("intro",), Cancel("intro")),
        ((1, "intro"), Cancel("intro")),
        ((1, 2, "intro"), Cancel("intro")),
        ((1, "bang"), Cancel()),
    ],
)
def test_cancel_is_not_particular_but_for_the_id(
    front: StandInFront, dispatch: Dispatch, args: tuple[Value, ...], command: Command
) -> None:
    dispatch.obey_packet(encode("/mula/cancel", args), PEER)
    assert [asked for asked, _ in front.emitted] == [command]


UNREADABLE = {
    "nan": NAN.replace(b"/mula/knob/cfg\0\0", b"/mula/panic\0"),
    "a line end": encode("/mula/panic") + b"\n",
    "no type tags": b"/mula/panic\0" + bytes(4),
}


@pytest.mark.parametrize("packet", UNREADABLE.values(), ids=UNREADABLE)
def test_panic_is_heard_even_where_its_arguments_cannot_be_read(
    front: StandInFront, dispatch: Dispatch, packet: bytes
) -> None:
    dispatch.obey_packet(packet, PEER)
    assert [command for command, _ in front.emitted] == [Panic()]
    assert front.complaints == [("/mula/panic", "bad_osc")]


def test_cancel_is_not_where_an_id_may_have_been_meant(
    front: StandInFront, dispatch: Dispatch
) -> None:
    dispatch.obey_packet(NAN.replace(b"/mula/knob/cfg\0\0", b"/mula/cancel\0\0\0\0"), PEER)
    assert front.emitted == []
    assert front.complaints == [("/mula/cancel", "bad_osc")]


# --- whatever goes wrong behind an address -------------------------------------------------------


class HastyBindings(OscBindings):
    """Bindings that are reloaded, without anything bound, while they are being looked at."""

    def __contains__(self, address: object) -> bool:
        found = super().__contains__(address)
        self.reload(Mapping())
        return found

    def __len__(self) -> int:
        found = super().__len__()
        self.reload(Mapping())
        return found


def test_a_reload_in_the_middle_of_a_batch_loses_no_other_message(front: StandInFront) -> None:
    dispatch = Dispatch(front, front.emit, "test", HastyBindings(mapping()))
    bound, foreign = encode("/bound", (0.5,)), encode("/live/x")
    dispatch.obey_packet(bundle(foreign, bound, foreign, bound, encode("/mula/stop")), PEER)
    assert front.emitted[-1][0] == Stop()


class BrokenBindings(OscBindings):
    """Bindings with a bug: at one method, an error that is none of ours."""

    def __init__(self, broken: str, error: Exception) -> None:
        super().__init__(mapping())

        def fail(*args: object) -> None:
            raise error

        setattr(self, broken, fail)


@pytest.mark.parametrize("broken", ["command", "confirmation"])
@pytest.mark.parametrize("error", [KeyError("/bound"), RuntimeError("a bug"), OSError(5, "gone")])
def test_a_bug_behind_a_bound_address_is_told_and_the_rest_of_the_batch_obeyed(
    front: StandInFront, broken: str, error: Exception
) -> None:
    dispatch = Dispatch(front, front.emit, "test", BrokenBindings(broken, error))
    dispatch.obey_packet(bundle(encode("/bound", (0.5,)), encode("/mula/stop")), PEER)
    assert [command for command, _ in front.emitted] == [Stop()]
    assert front.complaints == [("/bound", "error")]
    assert dispatch.faults == 1


def test_a_sender_who_cannot_be_told_holds_nobody_up(front: StandInFront) -> None:
    front.speechless = RuntimeError("no voice")
    dispatch = Dispatch(front, front.emit, "test")
    dispatch.obey_packet(bundle(encode("/nothing"), NAN, encode("/mula/stop")), PEER)
    assert [command for command, _ in front.emitted] == [Stop()]
    assert len(front.complaints) == 2


ERRORS = st.sampled_from([
    None, KeyError("x"), RuntimeError("x"), OSError(5, "x"), Busy("x"), RecursionError(),
    UnicodeEncodeError("utf-8", "\ud83d", 0, 1, "x"),
])  # fmt: skip
ADDRESSES = [address for address, row, _ in addresses.concrete() if row.takes is not None]


@given(
    st.lists(
        st.tuples(
            st.sampled_from([*ADDRESSES, "/bound", "/panic", "/live/x", "/mula/knob/*/reset"]),
            st.lists(
                st.sampled_from([0, 1, 0.5, "bang", "x", b"", True, None, IMPULSE]), max_size=3
            ),
        ),
        max_size=6,
    ),
    ERRORS,
    ERRORS,
    ERRORS,
)
def test_obeying_never_raises(
    messages: list[tuple[str, list[Value]]],
    failing: Exception | None,
    speechless: Exception | None,
    broken: Exception | None,
) -> None:
    front = StandInFront()
    front.failure, front.speechless = failing, speechless
    bindings = BrokenBindings("command", broken) if broken else OscBindings(mapping())
    dispatch = Dispatch(front, front.emit, "test", bindings)
    dispatch.obey_packet(bundle(*[encode(*message) for message in messages]), PEER)
    front.failure = front.speechless = None
    before = len(front.emitted)
    dispatch.obey_packet(encode("/mula/stop"), PEER)
    assert [command for command, _ in front.emitted[before:]] == [Stop()]


def test_guests_are_this_machine_and_those_that_are_named() -> None:
    guests = Guests(["192.168.1.0/24", "fd00::7"])
    assert all(map(guests.admit, ("127.0.0.1", "::1", "192.168.1.7", "fd00::7")))
    assert not any(map(guests.admit, ("192.168.2.7", "127.0.0.2", "fd00::8", "a name", "")))
    assert "192.168.1.0/24" in str(guests)
    with pytest.raises(BadInput, match="addresses or networks"):
        Guests(["my phone"])
