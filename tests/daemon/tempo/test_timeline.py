from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mula_daemon.tempo.timeline import Timeline

BPM = st.floats(20, 999)
NS = st.integers(0, 10**15)
BEAT = st.floats(-1e5, 1e5)
QUANTUM = st.sampled_from([0.25, 0.5, 1, 3, 4, 8, 16, 64])
TIMELINES = st.builds(Timeline, bpm=BPM, beat=BEAT, at_ns=NS)


def test_two_beats_a_second_at_120() -> None:
    line = Timeline(bpm=120, beat=8, at_ns=1_000)
    assert line.beat_at(1_000_001_000) == 10
    assert line.ns_at(7) == 1_000 - 500_000_000
    assert line.next(4, 1_001) == line.ns_at(12)


@given(TIMELINES, NS)
def test_a_moments_beat_is_at_that_moment(line: Timeline, ns: int) -> None:
    assert abs(line.ns_at(line.beat_at(ns)) - ns) <= 1_000


@given(TIMELINES, QUANTUM, NS)
def test_the_next_boundary_is_the_first_not_before(
    line: Timeline, quantum: float, after: int
) -> None:
    ns = line.next(quantum, after)
    beats = line.beat_at(ns) / quantum
    assert after <= ns <= after + quantum * 60e9 / line.bpm + 1_000
    assert abs(beats - round(beats)) < 1e-6
    assert line.next(quantum, ns) == ns


@given(TIMELINES, NS)
def test_without_a_quantum_nothing_waits(line: Timeline, now: int) -> None:
    assert line.next(0, now) == now


@given(TIMELINES, BPM, NS)
def test_a_new_tempo_leaves_the_beat_where_it_is(line: Timeline, bpm: float, ns: int) -> None:
    other = line.at_tempo(bpm, ns)
    assert other.beat_at(ns) == line.beat_at(ns)
    assert other.bpm == bpm
