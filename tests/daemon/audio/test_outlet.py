from __future__ import annotations

import random

import pytest

from mula_daemon.audio.outlet import PlayClock
from mula_daemon.audio.samples import SECOND_NS

RATE = 48_000


def test_late_callbacks_move_nothing() -> None:
    clock, chance = PlayClock(RATE), random.Random(1)
    for frame in range(0, RATE * 10, 256):
        late = chance.choice([0, 0, 0, 5_000_000])
        clock.note(frame, 7_000 + frame * SECOND_NS // RATE + late)
        if frame > RATE:
            assert clock.heard_ns(frame) == pytest.approx(
                7_000 + frame * SECOND_NS / RATE, abs=2_000
            )


def test_a_drifting_interface_is_followed() -> None:
    clock, speed = PlayClock(RATE), 1.0001
    for frame in range(0, RATE * 60, 256):
        clock.note(frame, round(frame * SECOND_NS / RATE * speed))
    assert abs(clock.heard_ns(frame) - frame * SECOND_NS / RATE * speed) < 50_000


def test_after_a_standstill_without_a_gap_it_is_right_at_once() -> None:
    clock = PlayClock(RATE)
    for frame in range(0, RATE, 256):
        clock.note(frame, frame * SECOND_NS // RATE)
    clock.note(RATE, 4 * SECOND_NS)
    assert clock.heard_ns(RATE) == 4 * SECOND_NS


def test_after_a_gap_it_begins_anew() -> None:
    clock = PlayClock(RATE)
    clock.note(0, 0)
    clock.restart()
    clock.note(0, SECOND_NS)
    assert clock.heard_ns(RATE) == 2 * SECOND_NS


def test_nothing_is_known_before_the_first_buffer() -> None:
    with pytest.raises(RuntimeError, match="nothing has been played"):
        PlayClock(RATE).heard_ns(0)
