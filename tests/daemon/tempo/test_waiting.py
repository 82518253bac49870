from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from mula_bridge.control.messages.commands import Command, Generate, Quantised, SetKnob
from mula_bridge.control.messages.origin import Origin
from mula_bridge.errors import Busy
from mula_daemon.tempo.timeline import Timeline
from mula_daemon.tempo.transport import LIMIT, Waiting

ME = Origin("osc", ("127.0.0.1", 1))
LINE = Timeline(bpm=120)
BEAT = 500_000_000
BAR = 4 * BEAT


def commands(found: list[tuple[Command, Origin]]) -> list[Command]:
    assert all(origin is ME for _, origin in found)
    return [command for command, _ in found]


def test_what_waits_for_a_bar_comes_with_it_and_once() -> None:
    waiting = Waiting()
    waiting.add(Quantised(Generate("a"), 4), ME, LINE, 1)
    assert waiting.next_ns(LINE) == BAR
    assert waiting.due(LINE, BAR - 1) == []
    assert commands(waiting.due(LINE, BAR)) == [Generate("a")]
    assert waiting.due(LINE, 9 * BAR) == []
    assert waiting.next_ns(LINE) is None


def test_on_the_boundary_nothing_waits() -> None:
    waiting = Waiting()
    waiting.add(Quantised(Generate("a"), 4), ME, LINE, BAR)
    waiting.add(Quantised(Generate("b"), 0), ME, LINE, BAR + 5)
    assert commands(waiting.due(LINE, BAR + 5)) == [Generate("a"), Generate("b")]


def test_the_last_move_of_a_knob_counts_and_no_trigger_is_lost() -> None:
    waiting = Waiting()
    asked = [SetKnob("cfg", 2.0), Generate(), SetKnob("top_k", 9), SetKnob("cfg", 3.0), Generate()]
    for number, command in enumerate(asked):
        waiting.add(Quantised(command, 4), ME, LINE, 1 + number)
    assert commands(waiting.due(LINE, BAR)) == [
        Generate(),
        SetKnob("top_k", 9),
        SetKnob("cfg", 3.0),
        Generate(),
    ]


def test_earlier_boundaries_come_first() -> None:
    waiting = Waiting()
    waiting.add(Quantised(Generate("bar"), 4), ME, LINE, 1)
    waiting.add(Quantised(Generate("beat"), 1), ME, LINE, 2)
    assert waiting.next_ns(LINE) == BEAT
    assert commands(waiting.due(LINE, BAR)) == [Generate("beat"), Generate("bar")]


def test_all_of_them_can_come_early() -> None:
    waiting = Waiting()
    waiting.add(Quantised(Generate("a"), 4), ME, LINE, 1, ahead_ns=100)
    assert commands(waiting.due(LINE, BAR - 100, ahead_ns=100)) == [Generate("a")]
    waiting.add(Quantised(Generate("too late"), 4), ME, LINE, BAR - 50, ahead_ns=100)
    assert waiting.next_ns(LINE, ahead_ns=100) == 2 * BAR - 100


def test_a_new_tempo_moves_the_boundary_and_a_start_makes_a_new_one() -> None:
    waiting = Waiting()
    waiting.add(Quantised(Generate("a"), 4), ME, LINE, 1)
    slow = LINE.at_tempo(60, BEAT)
    assert waiting.next_ns(slow) == BEAT + 3 * 2 * BEAT
    started = replace(slow, beat=0.0, at_ns=2 * BEAT)
    waiting.retime(started, 2 * BEAT + 1)
    assert waiting.next_ns(started) == 2 * BEAT + 4 * 2 * BEAT


def test_so_many_wait_and_no_more() -> None:
    waiting = Waiting()
    for _ in range(LIMIT):
        waiting.add(Quantised(Generate(), 4), ME, LINE, 1)
    with pytest.raises(Busy, match="wait for the beat"):
        waiting.add(Quantised(Generate(), 4), ME, LINE, 1)
    waiting.clear()
    assert waiting.next_ns(LINE) is None


@given(
    st.lists(st.tuples(st.integers(0, 8), st.integers(0, 20 * BAR)), max_size=20),
    st.floats(40, 240),
)
def test_everything_comes_once_and_within_its_quantum(
    asked: list[tuple[int, int]], bpm: float
) -> None:
    line, waiting = Timeline(bpm), Waiting()
    came: dict[str | None, int] = {}
    for number, (beats, at) in enumerate(asked):
        waiting.add(Quantised(Generate(str(number)), beats), ME, line, at)
    while (at_ns := waiting.next_ns(line)) is not None:
        for command, _ in waiting.due(line, at_ns):
            assert isinstance(command, Generate)
            assert came.setdefault(command.id, at_ns) == at_ns
    assert len(came) == len(asked)
    for number, (beats, at) in enumerate(asked):
        assert -1000 <= came[str(number)] - at <= beats * 60e9 / bpm + 1000
