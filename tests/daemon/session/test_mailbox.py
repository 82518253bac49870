from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mula_bridge.control.messages.commands import Generate, SetKnob, Stop
from mula_bridge.control.messages.origin import Origin
from mula_bridge.errors import Busy
from mula_daemon.session.mailbox import Mailbox

ALICE = Origin("osc", ("127.0.0.1", 1))
BOB = Origin("osc", ("127.0.0.1", 2))


def test_the_last_value_of_a_knob_wins() -> None:
    mailbox: Mailbox = Mailbox()
    for value in range(1000):
        mailbox.put(SetKnob("cfg", float(value)), ALICE)
    assert mailbox.take(0) == [(SetKnob("cfg", 999.0), ALICE)]


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


def test_beyond_its_limit_it_is_busy_but_takes_our_own_events() -> None:
    mailbox: Mailbox = Mailbox(limit=2)
    mailbox.put(Stop(), ALICE)
    mailbox.put(Stop(), ALICE)
    with pytest.raises(Busy, match="2 messages"):
        mailbox.put(Stop(), ALICE)
    mailbox.post("shutdown")
    assert mailbox.take(0)[-1] == "shutdown"


def test_nothing_comes_from_an_empty_mailbox() -> None:
    assert Mailbox().take(0.001) == []
