"""What waits when somebody is slower than the ports."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mula_bridge.midi.backlog import MidiBacklog, Said

TICK = Said("Clock", b"\xf8", 0)


def cc(value: int) -> Said:
    return Said("Box", bytes((0xB0, 16, value % 128)), value)


def waiting(backlog: MidiBacklog[str]) -> list[Said | str]:
    return [backlog.pop() for _ in range(len(backlog))]


def test_ticks_go_first_and_then_the_oldest() -> None:
    backlog: MidiBacklog[str] = MidiBacklog(4)
    for said in (cc(0), TICK, cc(1), TICK):
        backlog.hear(said)
    backlog.hear(TICK)
    backlog.hear(cc(2))
    assert backlog.dropped == 3
    backlog.hear(cc(3))
    backlog.hear(cc(4))
    assert waiting(backlog) == [cc(1), cc(2), cc(3), cc(4)]
    assert backlog.dropped == 4


def test_what_no_port_said_stays_in_its_place() -> None:
    backlog: MidiBacklog[str] = MidiBacklog(2)
    backlog.add("first")
    backlog.hear(cc(0))
    backlog.add("second")
    for value in (1, 2):
        backlog.hear(cc(value))
    assert backlog.others == 2
    assert waiting(backlog) == ["first", "second", cc(1), cc(2)]
    assert backlog.others == 0


@given(st.lists(st.sampled_from(["tick", "cc", "word"]), max_size=60), st.integers(1, 8))
def test_it_is_bounded_and_keeps_the_newest_and_the_order(kinds: list[str], limit: int) -> None:
    backlog: MidiBacklog[int] = MidiBacklog(limit)
    words = [index for index, kind in enumerate(kinds) if kind == "word"]
    changes = [index for index, kind in enumerate(kinds) if kind == "cc"]
    for index, kind in enumerate(kinds):
        match kind:
            case "tick":
                backlog.hear(TICK)
            case "cc":
                backlog.hear(cc(index))
            case "word":
                backlog.add(index)
    left = [backlog.pop() for _ in range(len(backlog))]
    said = [one for one in left if isinstance(one, Said)]
    assert len(said) <= limit
    assert [one for one in left if not isinstance(one, Said)] == words
    heard = [one.at_ns for one in said if not one.ticks]
    assert heard == changes[len(changes) - len(heard) :]
    assert len(heard) == min(len(changes), limit) or backlog.dropped
