"""Obeying messages for a transport, and whom a transport lets in."""

from __future__ import annotations

import logging

import pytest

from mula_bridge.api.dispatch import Dispatch
from mula_bridge.api.readers import Ping, Request
from mula_bridge.control.knobs import KNOBS
from mula_bridge.control.messages.commands import Command, Generate, QueryKnob, ResetKnob, SetKnob
from mula_bridge.control.messages.origin import Origin
from mula_bridge.errors import BadInput, Busy, MulaError
from mula_bridge.net.guests import Guests
from mula_bridge.osc.arguments import Args
from mula_bridge.osc.wire import Message, encode

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

    def serve(self, request: Request, message: Message, origin: Origin) -> None:
        if self.failure is not None:
            raise self.failure
        self.served.append((request, message, origin))

    def moved(self, origin: Origin, confirmation: Args) -> None:
        self.confirmations.append((origin.address, confirmation))

    def complain(self, origin: Origin, error: MulaError) -> None:
        self.complaints.append((origin.address, error.code))

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


def test_guests_are_this_machine_and_those_that_are_named() -> None:
    guests = Guests(["192.168.1.0/24", "fd00::7"])
    assert all(map(guests.admit, ("127.0.0.1", "::1", "192.168.1.7", "fd00::7")))
    assert not any(map(guests.admit, ("192.168.2.7", "127.0.0.2", "fd00::8", "a name", "")))
    assert "192.168.1.0/24" in str(guests)
    with pytest.raises(BadInput, match="addresses or networks"):
        Guests(["my phone"])
