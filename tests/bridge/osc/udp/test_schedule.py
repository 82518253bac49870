from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mula_bridge.control.messages.origin import Origin
from mula_bridge.errors import BadInput, Busy
from mula_bridge.osc.udp.schedule import LIMIT, Schedule
from mula_bridge.osc.wire import IMMEDIATELY, Message

ALICE = Origin("osc", ("127.0.0.1", 1))
WALL = 1_700_000_000.0


def at(ahead: float, name: str = "/x") -> Message:
    return Message(name, time=round((WALL + 2_208_988_800 + ahead) * 2**32))


@given(st.lists(st.floats(0.001, 2.0), max_size=30))
def test_messages_come_out_by_time_and_none_is_lost(waits: list[float]) -> None:
    schedule = Schedule()
    for number, ahead in enumerate(waits):
        assert schedule.keeps(at(ahead, f"/{number}"), ALICE, WALL, 100.0)
    got = [message for message, _ in schedule.due(103.0)]
    order = sorted(range(len(waits)), key=lambda i: waits[i])
    times = [waits[int(message.address[1:])] for message in got]
    assert times == pytest.approx([waits[i] for i in order], abs=1e-6)
    assert all(message.time == IMMEDIATELY for message in got)
    assert schedule.next_in(103.0) is None


def test_now_and_the_past_are_not_kept() -> None:
    schedule = Schedule()
    for message in (Message("/x"), at(-0.1), at(-1e6)):
        assert not schedule.keeps(message, ALICE, WALL, 0.0)


def test_nothing_is_due_early() -> None:
    schedule = Schedule()
    schedule.keeps(at(0.5), ALICE, WALL, 10.0)
    assert schedule.due(10.4) == []
    assert schedule.next_in(10.4) == pytest.approx(0.1, abs=1e-5)
    assert [origin for _, origin in schedule.due(10.51)] == [ALICE]


def test_a_clock_that_is_wrong_is_told_so() -> None:
    with pytest.raises(BadInput, match="clocks"):
        Schedule().keeps(at(3600), ALICE, WALL, 0.0)


def test_it_is_bounded() -> None:
    schedule = Schedule()
    for _ in range(LIMIT):
        schedule.keeps(at(1.0), ALICE, WALL, 0.0)
    with pytest.raises(Busy):
        schedule.keeps(at(1.0), ALICE, WALL, 0.0)
