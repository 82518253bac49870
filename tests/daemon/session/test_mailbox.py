from __future__ import annotations

from threading import Thread
from time import sleep

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mula_bridge.control.messages.commands import (
    Command,
    Generate,
    Panic,
    QueryDump,
    QueryStatus,
    SetKnob,
    Stop,
)
from mula_bridge.control.messages.origin import DAEMON, Origin
from mula_bridge.errors import Busy, Unavailable
from mula_daemon.session.mailbox import Mailbox

ALICE = Origin("osc", ("127.0.0.1", 1))
BOB = Origin("osc", ("127.0.0.1", 2))


def test_the_last_value_of_a_knob_wins() -> None:
    mailbox: Mailbox = Mailbox()
    for value in range(1000):
        mailbox.put(SetKnob("cfg", float(value)), ALICE)
    assert mailbox.take(0) == [(SetKnob("cfg", 999.0), ALICE)]


@pytest.mark.parametrize("question", [QueryDump(), QueryStatus()], ids=["dump", "status"])
def test_who_asks_again_before_the_answer_is_answered_once_and_after_what_came_between(
    question: Command,
) -> None:
    mailbox = Mailbox(limit=3)
    for _ in range(10):
        mailbox.put(question, ALICE)
    mailbox.put(Generate("a"), ALICE)
    mailbox.put(question, BOB)
    mailbox.put(question, ALICE)
    assert mailbox.take(0) == [(Generate("a"), ALICE), (question, BOB), (question, ALICE)]


def test_two_senders_keep_a_value_each() -> None:
    mailbox: Mailbox = Mailbox()
    mailbox.put(SetKnob("cfg", 1.0), ALICE)
    mailbox.put(SetKnob("cfg", 2.0), BOB)
    assert mailbox.take(0) == [(SetKnob("cfg", 1.0), ALICE), (SetKnob("cfg", 2.0), BOB)]


def test_a_newer_value_comes_after_what_was_set_before_it() -> None:
    """Or the macro that moves cfg would have the last word."""
    mailbox: Mailbox = Mailbox()
    for command in (SetKnob("cfg", 1.0), SetKnob("genre_strength", 1.0), SetKnob("cfg", 3.0)):
        mailbox.put(command, ALICE)
    assert [mail[0] for mail in mailbox.take(0)] == [
        SetKnob("genre_strength", 1.0),
        SetKnob("cfg", 3.0),
    ]


commands = st.one_of(
    st.builds(SetKnob, st.sampled_from(["cfg", "top_k"]), st.integers(0, 50)),
    st.just(Generate()),
    st.just(Stop()),
)


@given(st.lists(commands, max_size=60))
def test_no_trigger_is_lost_and_each_sees_the_knobs_of_its_moment(sent: list) -> None:
    mailbox: Mailbox = Mailbox()
    for command in sent:
        mailbox.put(command, ALICE)
    got = [mail[0] for mail in mailbox.take(0)] if sent else []
    assert _views(got) == _views(sent)


def _views(commands: list) -> list[tuple[object, dict[str, object]]]:
    """Each trigger with the knob values before it, and the values at the end."""
    knobs: dict[str, object] = {}
    views: list[tuple[object, dict[str, object]]] = []
    for command in commands:
        if isinstance(command, SetKnob):
            knobs[command.name] = command.value
        else:
            views.append((command, dict(knobs)))
    return [*views, (None, knobs)]


def full() -> Mailbox:
    mailbox = Mailbox(limit=2)
    mailbox.put(Generate("a"), ALICE)
    mailbox.put(Generate("b"), ALICE)
    with pytest.raises(Busy, match="2 messages"):
        mailbox.put(Generate("c"), ALICE)
    return mailbox


def test_beyond_its_limit_nothing_of_our_own_is_refused() -> None:
    mailbox = full()
    mailbox.post("moved")
    mailbox.pass_on(Generate("d"), ALICE)
    mailbox.pass_on(SetKnob("bpm", 90.0))
    mailbox.pass_on(SetKnob("bpm", 91.0))
    assert mailbox.take(0)[2:] == [
        "moved", (Generate("d"), ALICE), (SetKnob("bpm", 91.0), DAEMON)
    ]  # fmt: skip


def test_what_we_say_to_ourselves_refuses_nobody() -> None:
    mailbox = Mailbox(limit=2)
    for number in range(10):
        mailbox.post(number)
        mailbox.pass_on(Generate(str(number)))
    mailbox.put(Generate("a"), ALICE)
    mailbox.put(Generate("b"), ALICE)
    assert len(mailbox.take(0)) == 22


@pytest.mark.parametrize("command", [Stop(), Panic()], ids=["stop", "panic"])
def test_what_makes_silence_is_obeyed_in_any_flood_and_takes_one_place(command: Command) -> None:
    mailbox = full()
    for _ in range(1000):
        mailbox.put(command, BOB)
    assert mailbox.take(0)[2:] == [(command, BOB)]


def test_room_is_there_again_once_it_was_emptied() -> None:
    mailbox = full()
    mailbox.take(0)
    mailbox.put(Generate("c"), ALICE)
    mailbox.put(Generate("d"), ALICE)
    with pytest.raises(Busy):
        mailbox.put(Generate("e"), ALICE)
    assert len(mailbox.take(0)) == 2


def test_who_posts_more_than_may_wait_is_held_back_until_there_is_room() -> None:
    mailbox = Mailbox(events=2)
    posted: list[int] = []

    def post() -> None:
        for number in range(4):
            mailbox.post(number)
            posted.append(number)

    poster = Thread(target=post)
    poster.start()
    taken: list[object] = []
    while len(taken) < 4:
        sleep(0.01)
        assert len(posted) <= len(taken) + 2
        taken += mailbox.take(1.0)
    poster.join(5)
    assert taken == [0, 1, 2, 3]


def test_who_takes_is_never_held_back_itself() -> None:
    mailbox = Mailbox(events=1)
    mailbox.take(0)
    for number in range(3):
        mailbox.post(number)
    assert mailbox.take(0) == [0, 1, 2]


def test_an_ending_daemon_says_so_and_still_hears_itself() -> None:
    mailbox = Mailbox()
    mailbox.close()
    with pytest.raises(Unavailable, match="is ending"):
        mailbox.put(Generate("a"), ALICE)
    mailbox.pass_on(Panic())
    mailbox.post("moved")
    assert mailbox.take(0) == [(Panic(), DAEMON), "moved"]


def test_nothing_comes_from_an_empty_mailbox() -> None:
    assert Mailbox().take(0.001) == []
