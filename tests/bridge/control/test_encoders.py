"""Endless encoders: the four ways they count, and acceleration."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mula_bridge.control.encoders import Acceleration, Encoding, ticks

MS = 1_000_000
RELATIVE = [encoding for encoding in Encoding if encoding is not Encoding.ABSOLUTE]


@pytest.mark.parametrize(
    ("encoding", "up", "down"),
    [
        (Encoding.TWOS_COMPLEMENT, {1: 1, 2: 2, 64: 64}, {127: -1, 126: -2, 65: -63}),
        (Encoding.BINARY_OFFSET, {65: 1, 66: 2, 127: 63}, {63: -1, 62: -2, 1: -63}),
        (Encoding.SIGN_BIT_DEC, {1: 1, 2: 2, 64: 64}, {65: -1, 66: -2, 127: -63}),
        (Encoding.SIGN_BIT_INC, {65: 1, 66: 2, 127: 63}, {1: -1, 2: -2, 64: -64}),
    ],
)
def test_each_encoding(encoding: Encoding, up: dict[int, int], down: dict[int, int]) -> None:
    for value, count in {**up, **down}.items():
        assert ticks(encoding, value) == count


@pytest.mark.parametrize("encoding", RELATIVE)
def test_nothing_is_no_tick(encoding: Encoding) -> None:
    assert ticks(encoding, 0) == 0


def test_absolute_has_no_ticks() -> None:
    with pytest.raises(ValueError, match="absolute"):
        ticks(Encoding.ABSOLUTE, 1)


def test_without_max_step_every_tick_is_a_step() -> None:
    plain = Acceleration(0.01)
    assert plain.move(1, 0) == 0.01
    assert plain.move(3, 1) == pytest.approx(0.03)
    assert plain.move(-2, 2) == pytest.approx(-0.02)


def test_fast_turns_go_further_and_slow_ones_do_not() -> None:
    fast = Acceleration(0.01, 0.08)
    assert fast.move(1, 0) == pytest.approx(0.01)
    assert fast.move(1, 200 * MS) == pytest.approx(0.01)
    assert fast.move(1, 205 * MS) == pytest.approx(0.08)
    assert fast.move(1, 240 * MS) == pytest.approx(0.01 + 0.07 * 0.5)


def test_turning_back_starts_slowly() -> None:
    fast = Acceleration(0.01, 0.08)
    fast.move(1, 0)
    assert fast.move(-1, 5 * MS) == pytest.approx(-0.01)


@given(
    st.lists(st.tuples(st.integers(-64, 64), st.integers(0, 100 * MS)), max_size=30),
    st.floats(0.001, 0.1),
    st.floats(1, 20),
)
def test_no_message_exceeds_max_step_or_turns_round(
    moves: list[tuple[int, int]], step: float, factor: float
) -> None:
    encoder, now = Acceleration(step, step * factor), 0
    for count, gap in moves:
        now += gap
        moved = encoder.move(count, now)
        assert abs(moved) <= step * factor * (1 + 1e-9)
        assert moved * count >= 0
