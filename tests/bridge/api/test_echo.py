"""A control that is being moved is left alone, and hears the truth when it is still."""

from __future__ import annotations

import pytest

from mula_bridge.api.addresses import concrete, decode, encode
from mula_bridge.api.echo import _MAX_MOVES, HOLD_S, EchoHold, confirmation, same
from mula_bridge.api.readers import REQUESTS
from mula_bridge.control.messages.commands import Quantised, SetKnob
from mula_bridge.control.messages.reports import (
    AuditionSettings,
    KnobChanged,
    LyricsChanged,
    TagsChanged,
)
from mula_bridge.osc.arguments import ArgKind
from mula_bridge.osc.values import Value

PEER = ("127.0.0.1", 9001)
CFG = "/mula/knob/cfg"


def moved(hold: EchoHold, value: float, now: float) -> None:
    hold.moved(PEER, CFG, (value,), received_ns=int(now * 1e9), now=now)


def test_who_moved_nothing_hears_at_once() -> None:
    hold = EchoHold()
    assert hold.offer(PEER, CFG, (1.0,), now=0)
    moved(hold, 1.0, now=0)
    assert hold.offer(PEER, "/mula/norm/cfg", (1.0,), now=0)
    assert hold.offer(("127.0.0.1", 9002), CFG, (1.0,), now=0)


def test_its_own_value_never_comes_back() -> None:
    hold = EchoHold()
    moved(hold, 2.3, now=0)
    assert not hold.offer(PEER, CFG, (2.299999952316284,), now=0.01)
    assert list(hold.due(now=10)) == []


def test_a_clamped_value_comes_when_the_hand_is_still() -> None:
    hold = EchoHold()
    moved(hold, 99.0, now=0)
    assert not hold.offer(PEER, CFG, (7.0,), now=0.01)
    moved(hold, 98.0, now=0.2)
    assert list(hold.due(now=HOLD_S + 0.01)) == []
    assert hold.still_at() == 0.2 + HOLD_S
    assert list(hold.due(now=hold.still_at())) == [(PEER, CFG, (7.0,))]
    assert list(hold.due(now=10)) == []


def test_another_hand_on_the_same_knob_is_heard_last_value_first() -> None:
    hold = EchoHold()
    moved(hold, 1.0, now=0)
    for value in (2.0, 3.0):
        assert not hold.offer(PEER, CFG, (value,), now=0.1)
    assert list(hold.due(now=HOLD_S)) == [(PEER, CFG, (3.0,))]


def test_after_the_hold_news_comes_at_once_and_replaces_what_waited() -> None:
    hold = EchoHold()
    moved(hold, 1.0, now=0)
    assert not hold.offer(PEER, CFG, (2.0,), now=0.1)
    assert hold.offer(PEER, CFG, (3.0,), now=HOLD_S)
    assert list(hold.due(now=10)) == []


def test_a_move_of_unknown_value_is_echoed_in_any_case() -> None:
    hold = EchoHold()
    hold.moved(PEER, CFG, None, received_ns=0, now=0)
    assert not hold.offer(PEER, CFG, (2.0,), now=0)
    assert list(hold.due(now=HOLD_S)) == [(PEER, CFG, (2.0,))]


def test_a_question_after_a_change_is_told_from_it() -> None:
    hold = EchoHold()
    hold.moved(PEER, CFG, (1.0,), received_ns=100, now=0)
    assert hold.answers_move(PEER, CFG, received_ns=100)
    assert hold.answers_move(PEER, CFG, received_ns=50)
    assert not hold.answers_move(PEER, CFG, received_ns=101)
    assert not hold.answers_move(PEER, "/mula/knob/bpm", received_ns=100)


def test_its_memory_is_bounded() -> None:
    hold = EchoHold()
    for port in range(3 * _MAX_MOVES):
        peer = ("127.0.0.1", port)
        hold.moved(peer, CFG, (1.0,), received_ns=0, now=0)
        hold.offer(peer, CFG, (2.0,), now=0)
    assert len(hold._moves) == _MAX_MOVES
    list(hold.due(now=1))
    assert not hold._waiting


def test_sameness_is_that_of_the_wire() -> None:
    assert same((0.1,), (0.10000000149011612,))
    assert same((True,), (1,))
    assert same(("a", "b"), ("a", "b"))
    assert not same((0.1,), (0.1001,))
    assert not same(("a",), ("a", "b"))
    assert not same(("Amin",), (9,))


# --- what confirms a change ----------------------------------------------------------------------


def test_what_waits_for_the_beat_is_confirmed_when_it_is_obeyed() -> None:
    assert confirmation(Quantised(SetKnob("cfg", 3.0), 4)) == ()


SAMPLES: dict[ArgKind, Value] = {
    ArgKind.NUMBER: 0.5, ArgKind.WHOLE: 1, ArgKind.SWITCH: 1, ArgKind.KNOB: 1.0,
    ArgKind.NAME_OR_NUMBER: "x", ArgKind.TEXT: "auto",
}  # fmt: skip
SET_AND_TOLD = {
    address: row.takes[0].kind
    for address, row, _ in concrete()
    if row.takes and row.gives and row.takes[0].kind is not ArgKind.TRIGGER  # which only asks
}


@pytest.mark.parametrize("address", SET_AND_TOLD)
def test_what_is_set_and_told_on_one_address_is_confirmed_there(address: str) -> None:
    """Else whoever switched it is told while the hand is still on it."""
    value: Value = "bar" if address.endswith("quantise") else SAMPLES[SET_AND_TOLD[address]]
    command = decode(address, (value,))
    assert not isinstance(command, REQUESTS)
    assert command is not None
    assert confirmation(command) is not None


def test_what_is_sent_back_is_what_sets_it() -> None:
    for report in (
        KnobChanged("key", "Amin", 0.9),
        TagsChanged(("a", "b")),
        LyricsChanged("la"),
        AuditionSettings(loop=True, quantise=1, gain_db=-3.5),
    ):
        for address, args in encode(report):
            command = decode(address, args)
            assert command is not None
            assert not isinstance(command, REQUESTS)
            assert confirmation(command) == args
