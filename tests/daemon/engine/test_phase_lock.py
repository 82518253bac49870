"""Bars of live play on the session's bar lines, by arithmetic: no time passes here."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mula_bridge.control.quantum import BEATS_PER_BAR
from mula_daemon.engine.phase_lock import MOST, TOLERANCE_MS, PhaseLock
from mula_daemon.tempo.timeline import Timeline

PER_BEAT = 4
PER_BAR = PER_BEAT * BEATS_PER_BAR
BPMS = st.floats(60.0, 200.0)

ROUNDING_MS = 1e-6
"""Of a sum of seconds in floating point."""


class Player:
    """Plays frames back to back on a sound card whose clock is ``card`` times the machine's."""

    def __init__(self, line: Timeline, *, behind_ms: float = 0.0, card: float = 1.0) -> None:
        self.line = line
        self.card = card
        self.ns = behind_ms * 1e6
        self.lock = PhaseLock(PER_BEAT)

    def bar(self, bpm: float) -> list[float]:
        """The tempi of the next bar's frames."""
        tempi = []
        for _ in range(PER_BAR):
            tempi.append(self.lock.bpm(bpm, self.line, round(self.ns)))
            self.ns += 60e9 / tempi[-1] / PER_BEAT / self.card
        return tempi

    def off_ms(self) -> float:
        """How far the bar line to come is from the line's nearest one."""
        beats = (self.line.beat_at(round(self.ns)) + 2) % BEATS_PER_BAR - 2
        return beats * 60_000 / self.line.bpm


@given(BPMS, st.floats(-40.0, 40.0))
def test_one_bar_is_enough_for_what_is_a_little_off(bpm: float, behind_ms: float) -> None:
    player = Player(Timeline(bpm), behind_ms=behind_ms)
    player.bar(bpm)
    assert abs(player.off_ms()) <= TOLERANCE_MS + ROUNDING_MS


@given(BPMS, st.floats(-2.0, 2.0))
def test_any_place_comes_onto_the_line_with_no_bar_bent_by_more_than_allowed(
    bpm: float, beats: float
) -> None:
    player = Player(Timeline(bpm), behind_ms=beats * 60_000 / bpm)
    for _ in range(16):
        tempi = player.bar(bpm)
        assert len(set(tempi)) == 1
        assert bpm * (1 - MOST) * 0.999 <= tempi[0] <= bpm * (1 + MOST) * 1.001
    assert abs(player.off_ms()) <= TOLERANCE_MS + ROUNDING_MS
    assert set(player.bar(bpm)) == {bpm}


@pytest.mark.parametrize("card", [1 - 100e-6, 1 + 100e-6])
def test_an_hour_on_a_card_that_is_off_stays_in_time_and_most_bars_have_the_tempo_asked_for(
    card: float,
) -> None:
    player, exact = Player(Timeline(), card=card), 0
    for _ in range(1800):
        exact += set(player.bar(120.0)) == {120.0}
        assert abs(player.off_ms()) < TOLERANCE_MS + 0.5
    assert exact > 1500


def test_a_tempo_that_is_heard_late_is_made_up_for() -> None:
    player = Player(Timeline())
    player.bar(120.0)
    at_ns = round(player.ns - 200e6)  # from there on it holds, but frames were under way
    player.line = player.line.at_tempo(126.0, at_ns)
    player.bar(126.0)
    assert abs(player.off_ms()) < TOLERANCE_MS


def test_without_a_line_nothing_is_bent() -> None:
    lock = PhaseLock(PER_BEAT)
    assert [lock.bpm(120.0, None, 777_000_000) for _ in range(PER_BAR)] == [120.0] * PER_BAR


def test_a_tempo_at_the_end_of_its_range_is_not_bent_beyond_it() -> None:
    lock = PhaseLock(PER_BEAT)
    assert lock.bpm(240.0, Timeline(240.0), 250_000_000) == 240.0


def test_a_job_that_keeps_its_own_tempo_is_left_alone() -> None:
    lock = PhaseLock(PER_BEAT)
    assert lock.bpm(0.0, Timeline(), 100_000_000) == 0.0
