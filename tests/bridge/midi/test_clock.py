"""MIDI clock: tempo, position, running, and who leads."""

from __future__ import annotations

from collections.abc import Iterable
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mula_bridge.midi.clock import SILENCE_NS, ClockNews, Clocks, MidiClock
from mula_bridge.midi.decoding import Event, EventKind

MS = 1_000_000
S = 1000 * MS
TICK, START, CONTINUE, STOP = b"\xf8", b"\xfa", b"\xfb", b"\xfc"
BPM = st.floats(30, 300)


def interval(bpm: float) -> float:
    return 60e9 / 24 / bpm


def say(clock: MidiClock, kind: EventKind, at_ns: float, value: int = 0) -> None:
    clock.hear(Event(kind, 0, 0, value), round(at_ns))


def ticks(clock: MidiClock, count: int, bpm: float, start_ns: float = 0.0) -> float:
    """So many ticks from ``start_ns`` on; when the next one is due."""
    for index in range(count):
        say(clock, EventKind.CLOCK, start_ns + index * interval(bpm))
    return start_ns + count * interval(bpm)


def song_position(sixteenths: int) -> bytes:
    return bytes((0xF2, sixteenths & 0x7F, sixteenths >> 7))


# --- tempo --------------------------------------------------------------------------------------


@given(BPM)
def test_a_tempo_is_known_after_24_ticks(bpm: float) -> None:
    clock = MidiClock()
    at = ticks(clock, 24, bpm)
    assert clock.bpm is None
    ticks(clock, 1, bpm, at)
    assert clock.bpm == pytest.approx(bpm, abs=0.01)


@given(st.floats(60, 200), st.integers(0, 2**32))
def test_jitter_is_averaged_out(bpm: float, seed: int) -> None:
    """3 ms either way: single ticks wobble by a quarter."""
    clock, random = MidiClock(), Random(seed)
    for index in range(97):
        say(clock, EventKind.CLOCK, index * interval(bpm) + random.uniform(-3, 3) * MS)
    assert clock.bpm == pytest.approx(bpm, rel=0.002)


@pytest.mark.parametrize("bpm", [90.0, 120.0, 174.0])
def test_arrival_times_in_steps_of_a_period(bpm: float) -> None:
    """As JACK gives them: everything within a period of 128 samples arrives at its end."""
    clock, period = MidiClock(), 128 / 48000 * S
    for index in range(500):
        say(clock, EventKind.CLOCK, (index * interval(bpm) // period + 1) * period)
        if index > 96:
            assert clock.bpm == pytest.approx(bpm, abs=0.1)


@given(BPM, st.floats(40, 200))
def test_a_new_tempo_is_there_after_96_ticks(before: float, after: float) -> None:
    clock = MidiClock()
    at = ticks(clock, 100, before)
    ticks(clock, 97, after, at)
    assert clock.bpm == pytest.approx(after, abs=0.01)


@given(BPM, st.floats(40, 200))
def test_a_new_tempo_in_a_song_neither_sticks_nor_moves_the_place(
    before: float, after: float
) -> None:
    clock = MidiClock()
    say(clock, EventKind.START, 0)
    at = ticks(clock, 100, before)
    ticks(clock, 120, after, at)
    assert clock.bpm == pytest.approx(after, abs=0.01)
    assert clock.beat == 219 / 24


def test_a_burst_at_the_beginning_is_forgotten() -> None:
    """A machine that was held up hands the first ticks over all at once."""
    clock = MidiClock()
    say(clock, EventKind.START, 0)
    for index in range(26):
        say(clock, EventKind.CLOCK, index * MS)
    ticks(clock, 120, 120, 26 * MS)
    assert clock.bpm == pytest.approx(120, abs=0.01)


@given(st.floats(60, 200), st.integers(1, 5))
def test_lost_ticks_do_not_bend_the_tempo_nor_the_place(bpm: float, lost: int) -> None:
    clock = MidiClock()
    say(clock, EventKind.START, 0)
    at = ticks(clock, 100, bpm)
    at = ticks(clock, 20, bpm, at + lost * interval(bpm))
    assert clock.bpm == pytest.approx(bpm, abs=0.01)
    ticks(clock, 12, bpm, at)
    assert clock.bpm == pytest.approx(bpm, abs=0.05)
    assert clock.beat == pytest.approx((100 + lost + 32 - 1) / 24)


@given(st.floats(60, 200), st.integers(1, 4), st.floats(0.25, 0.75))
def test_a_clock_that_stood_still_goes_on_from_where_it_stood(
    bpm: float, whole: int, rest: float
) -> None:
    """A DAW that drops out stops its song as well: no tick is missing."""
    clock = MidiClock()
    say(clock, EventKind.START, 0)
    at = ticks(clock, 100, bpm)
    at = ticks(clock, 8, bpm, at + (whole + rest) * interval(bpm))
    assert clock.beat == 107 / 24
    assert clock.at_ns == pytest.approx(at - interval(bpm), abs=10)
    assert clock.bpm == pytest.approx(bpm, abs=0.01)


@given(st.floats(60, 200), st.integers(1, 5), st.integers(6, 40))
def test_after_lost_ticks_the_place_is_known_at_every_tick(
    bpm: float, lost: int, since: int
) -> None:
    clock = MidiClock()
    say(clock, EventKind.START, 0)
    at = ticks(clock, 100, bpm)
    at = ticks(clock, since, bpm, at + lost * interval(bpm))
    assert clock.beat == pytest.approx((100 + lost + since - 1) / 24)
    assert clock.at_ns == pytest.approx(at - interval(bpm), abs=10)


@given(st.floats(60, 200), st.floats(1, 4))
def test_late_ticks_that_catch_up_are_not_lost(bpm: float, late: float) -> None:
    clock = MidiClock()
    say(clock, EventKind.START, 0)
    ticks(clock, 100, bpm)
    step = interval(bpm)
    for index in range(100, 140):
        say(clock, EventKind.CLOCK, max(index * step, (100 + late) * step))
    assert clock.beat == 139 / 24
    assert clock.bpm == pytest.approx(bpm, rel=0.02)


def test_all_at_once_is_no_tempo() -> None:
    clock = MidiClock()
    for _ in range(100):
        say(clock, EventKind.CLOCK, 5)
    assert clock.bpm is None


# --- position -----------------------------------------------------------------------------------


def test_the_first_tick_after_start_is_the_first_beat() -> None:
    clock = MidiClock()
    say(clock, EventKind.START, 0)
    assert (clock.running, clock.beat) == (True, 0.0)
    say(clock, EventKind.CLOCK, 1)
    assert (clock.on_beat, clock.beat) == (True, 0.0)
    at = ticks(clock, 23, 120, interval(120))
    assert (clock.on_beat, clock.beat) == (False, 23 / 24)
    ticks(clock, 1, 120, at)
    assert (clock.on_beat, clock.beat) == (True, 1.0)


def test_a_clock_that_was_not_started_stays_where_it_is() -> None:
    clock = MidiClock()
    ticks(clock, 60, 120)
    assert (clock.running, clock.beat) == (False, 0.0)
    assert clock.bpm == pytest.approx(120)


def test_stop_and_continue_go_on_from_there() -> None:
    clock = MidiClock()
    say(clock, EventKind.START, 0)
    at = ticks(clock, 25, 120)
    say(clock, EventKind.STOP, at - 1)
    at = ticks(clock, 10, 120, at)
    assert (clock.running, clock.beat) == (False, 1.0)
    say(clock, EventKind.CONTINUE, at - 1)
    ticks(clock, 1, 120, at)
    assert (clock.running, clock.beat) == (True, 25 / 24)


def test_a_clock_that_pauses_while_it_is_stopped_misses_nothing() -> None:
    clock = MidiClock()
    say(clock, EventKind.START, 0)
    at = ticks(clock, 49, 120)
    say(clock, EventKind.STOP, at)
    at += 300 * MS
    say(clock, EventKind.CONTINUE, at)
    ticks(clock, 24, 120, at + 1)
    assert clock.beat == 3.0


def test_song_position_counts_sixteenths() -> None:
    clock = MidiClock()
    say(clock, EventKind.SONG_POSITION, 0, 17)
    assert clock.beat == 4.25
    say(clock, EventKind.CONTINUE, 1)
    ticks(clock, 1, 120, 2)
    assert clock.beat == 4.25
    ticks(clock, 6, 120, 2 + interval(120))
    assert clock.beat == 4.5


def test_start_begins_anew() -> None:
    clock = MidiClock()
    say(clock, EventKind.SONG_POSITION, 0, 100)
    say(clock, EventKind.START, 1)
    ticks(clock, 25, 120, 2)
    assert clock.beat == 1.0


def test_a_clock_that_ends_without_stop() -> None:
    clock = MidiClock()
    say(clock, EventKind.START, 0)
    at = ticks(clock, 100, 120) - interval(120)
    assert clock.silent_at_ns == round(at) + SILENCE_NS
    clock.expire(round(at) + SILENCE_NS - 1)
    assert clock.running
    clock.expire(round(at) + SILENCE_NS)
    assert (clock.running, clock.bpm, clock.silent_at_ns) == (False, None, None)
    assert clock.beat == 99 / 24


def test_after_a_silence_it_counts_anew() -> None:
    clock = MidiClock()
    say(clock, EventKind.START, 0)
    ticks(clock, 100, 120)
    say(clock, EventKind.START, 60 * S)
    ticks(clock, 26, 90, 60 * S + 1)
    assert (clock.running, clock.beat) == (True, 25 / 24)
    assert clock.bpm == pytest.approx(90)


EVENT = st.tuples(
    st.sampled_from([TICK] * 20 + [START, CONTINUE, STOP, b"\xf2\x10\x01", b"\xb0\x10\x01", b""]),
    st.sampled_from(["A", "B", "C"]),
    st.integers(0, 700 * MS),
)


@given(st.lists(EVENT, max_size=300))
def test_nothing_makes_it_raise_or_leave_the_range(events: list[tuple[bytes, str, int]]) -> None:
    clocks, now = Clocks(), 0
    for data, port, gap in events:
        now += gap // 20
        for news in (clocks.hear(port, data, now), clocks.due(now + gap % 7)):
            if news is not None:
                assert news.beat >= 0
                assert news.bpm is None or news.bpm > 0
        if gap % 13 == 0:
            clocks.forget(port)


# --- news ---------------------------------------------------------------------------------------


def run(clocks: Clocks, messages: Iterable[tuple[str, bytes, float]]) -> list[ClockNews]:
    heard = [clocks.hear(port, data, round(at)) for port, data, at in messages]
    return [news for news in heard if news is not None]


def test_news_is_what_changed_and_every_beat() -> None:
    clocks, step = Clocks(), interval(120)
    messages = [("A", START, -1.0), *(("A", TICK, index * step) for index in range(97))]
    news = run(clocks, messages)
    assert news[0] == ClockNews("A", None, 0.0, True)
    assert [(one.beat, one.running) for one in news[1:]] == [
        (1.0, True), (2.0, True), (3.0, True), (4.0, True)
    ]  # fmt: skip
    assert [one.bpm for one in news[1:]] == [pytest.approx(120)] * 4
    (stopped,) = run(clocks, [("A", STOP, 97 * step), ("A", TICK, 97 * step + 1)])
    assert not stopped.running


def test_silence_is_news_once() -> None:
    clocks = Clocks()
    run(clocks, [("A", START, 0), *(("A", TICK, index * 20 * MS) for index in range(30))])
    last = 29 * 20 * MS
    assert clocks.next_due_ns() == last + SILENCE_NS
    assert clocks.due(last + SILENCE_NS - 1) is None
    assert clocks.due(last + SILENCE_NS) == ClockNews("A", None, 29 / 24, False)
    assert clocks.due(last + 2 * SILENCE_NS) is None
    assert clocks.next_due_ns() is None


def test_the_first_that_ticks_leads_until_it_is_silent() -> None:
    clocks = Clocks()
    both = [
        (port, TICK, index * 20 * MS + shift)
        for index in range(50)
        for port, shift in (("A", 0), ("B", 7 * MS))
    ]
    assert {news.port for news in run(clocks, [("B", START, -1), *both])} == {"A"}
    alone = [("B", TICK, index * 20 * MS + 7 * MS) for index in range(50, 100)]
    news = run(clocks, alone)
    assert [news[0].port, news[0].bpm] == ["A", None] or news[0].port == "B"
    assert {one.port for one in news[1:]} == {"B"}
    assert news[-1].running


def test_a_leader_that_is_unplugged_leaves_its_place() -> None:
    clocks = Clocks()
    run(clocks, [("A", START, 0), *(("A", TICK, index * 20 * MS) for index in range(30))])
    assert clocks.forget("B") is None
    assert clocks.forget("A") == ClockNews("A", None, 29 / 24, False)
    assert clocks.forget("A") is None
    (news,) = run(clocks, [("B", TICK, 600 * MS)])
    assert news == ClockNews("B", None, 0.0, False)


def test_what_is_no_clock_is_nothing() -> None:
    assert run(Clocks(), [("A", b"\xb0\x10\x40", 0), ("A", b"\xfe", 1), ("A", b"", 2)]) == []


def test_song_position_is_news() -> None:
    clocks = Clocks()
    news = run(clocks, [("A", TICK, 0), ("A", song_position(32), 1)])
    assert [one.beat for one in news] == [0.0, 8.0]
