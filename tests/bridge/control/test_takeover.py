"""Takeover: how a control comes to hold a knob that stands somewhere else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mula_bridge.control.takeover import THRESHOLD, Mode, Pickup, Scale, takeover

POSITION = st.integers(0, 127).map(lambda value: value / 127)
TARGET = st.floats(0, 1)
MODES = list(Mode)


def test_jump_is_immediate() -> None:
    assert takeover(Mode.JUMP).move(0.9, 0.1) == 0.9


def test_pickup_waits_until_near() -> None:
    pickup = Pickup()
    assert pickup.move(0.1, 0.5) is None
    assert pickup.move(0.3, 0.5) is None
    assert pickup.move(0.5 - THRESHOLD, 0.5) == 0.5 - THRESHOLD
    assert pickup.move(0.9, 0.48) == 0.9


def test_pickup_fires_when_it_crosses_between_two_messages() -> None:
    pickup = Pickup()
    assert pickup.move(0.3, 0.5) is None
    assert pickup.move(0.7, 0.5) == 0.7


def test_pickup_lets_go_when_something_else_moves_the_knob() -> None:
    pickup = Pickup()
    pickup.move(0.5, 0.5)
    pickup.displaced(0.9)
    assert pickup.move(0.55, 0.9) is None
    assert pickup.move(0.95, 0.9) == 0.95


def test_pickup_holds_on_when_the_knob_was_moved_by_a_hair() -> None:
    pickup = Pickup()
    pickup.move(0.5, 0.5)
    pickup.displaced(0.5 + THRESHOLD / 2)
    assert pickup.move(0.6, 0.51) == 0.6


def test_after_a_bank_change_an_old_position_crosses_nothing() -> None:
    pickup = Pickup()
    pickup.move(0.2, 0.2)
    pickup.rearm()
    assert pickup.move(0.8, 0.5) is None


def test_scale_moves_in_proportion_to_the_way_left() -> None:
    scale = Scale()
    assert scale.move(0.5, 0.2) is None
    assert scale.move(0.75, 0.2) == pytest.approx(0.6)
    assert scale.move(1.0, 0.6) == 1.0
    assert scale.move(0.5, 1.0) == 0.5


def test_scale_moves_towards_zero_too() -> None:
    scale = Scale()
    assert scale.move(0.5, 0.8) is None
    assert scale.move(0.25, 0.8) == pytest.approx(0.4)
    assert scale.move(0.0, 0.4) == 0.0


def test_scale_keeps_its_place_while_the_knob_rounds() -> None:
    scale = Scale()
    scale.move(0.5, 0.2)
    first = scale.move(0.6, 0.2)
    assert first is not None
    second = scale.move(0.7, round(first, 1))
    assert second == pytest.approx(0.2 + 0.2 * 0.8 / 0.5)


def test_scale_begins_from_where_something_else_put_the_knob() -> None:
    scale = Scale()
    scale.move(0.5, 0.5)
    scale.displaced(0.9)
    assert scale.move(0.75, 0.9) == pytest.approx(0.95)


@given(TARGET, st.lists(POSITION, max_size=40))
def test_pickup_never_jumps_further_than_the_threshold_and_the_hand(
    target: float, moves: list[float]
) -> None:
    pickup, knob = Pickup(), target
    before: float | None = None
    for position in moves:
        after = pickup.move(position, knob)
        if after is not None:
            hand = 0.0 if before is None else abs(position - before)
            assert abs(after - knob) <= THRESHOLD + hand + 1e-9
            knob = after
        before = position


@given(TARGET, st.lists(st.tuples(POSITION, st.none() | TARGET), max_size=40))
def test_pickup_keeps_that_promise_while_others_move_the_knob(
    target: float, moves: list[tuple[float, float | None]]
) -> None:
    pickup, knob = Pickup(), target
    before: float | None = None
    for position, elsewhere in moves:
        if elsewhere is not None:
            knob = elsewhere
            pickup.displaced(knob)
        after = pickup.move(position, knob)
        if after is not None:
            hand = 0.0 if before is None else abs(position - before)
            assert abs(after - knob) <= THRESHOLD + hand + 1e-9
            knob = after
        before = position


@given(TARGET, st.lists(POSITION, max_size=40))
def test_scale_never_overshoots_and_moves_with_the_hand(target: float, moves: list[float]) -> None:
    scale, knob = Scale(), target
    before: float | None = None
    for position in moves:
        after = scale.move(position, knob)
        if after is not None:
            assert 0.0 <= after <= 1.0
            if before is not None:
                assert (after - knob) * (position - before) >= -1e-12
            knob = after
        before = position


@pytest.mark.parametrize("mode", MODES)
@given(target=TARGET, wanted=POSITION, start=POSITION)
def test_every_value_can_be_reached(mode: Mode, target: float, wanted: float, start: float) -> None:
    """Turned to either stop and back, a control has its knob, wherever that stood."""
    control, knob = takeover(mode), target
    for position in (start, 0.0, 1.0, wanted):
        after = control.move(position, knob)
        knob = knob if after is None else after
    assert knob == pytest.approx(wanted)


# --- at the very edge of the threshold ------------------------------------------------------------

EDGES = [
    (0.5, 0.5 - THRESHOLD, True),
    (0.5, 0.5 + THRESHOLD, True),
    (0.5, 0.5 - THRESHOLD / 2, True),
    (0.5, 0.5 - THRESHOLD * 1.01, False),
    (0.5, 0.5 + THRESHOLD * 1.01, False),
    (0.0, 0.0, True),
    (0.1, 0.2, False),
    (0.9, 0.02, False),
    (0.02, 0.9, False),
]


def test_the_threshold_is_three_steps_of_a_control() -> None:
    assert THRESHOLD == 3 / 128


@pytest.mark.parametrize(("position", "target", "near"), EDGES)
@pytest.mark.parametrize("mode", [Mode.PICKUP, Mode.SCALE])
def test_the_first_message_takes_the_knob_only_from_near(
    mode: Mode, position: float, target: float, near: bool
) -> None:
    assert takeover(mode).move(position, target) == (position if near else None)


@pytest.mark.parametrize(("position", "target", "near"), EDGES)
def test_pickup_holds_on_to_a_knob_that_was_moved_and_is_still_near(
    position: float, target: float, near: bool
) -> None:
    pickup = Pickup()
    pickup.move(position, position)
    pickup.displaced(target)
    # Away from the knob, so that nothing is crossed.
    away = position + 0.1 if position >= target else position - 0.1
    assert pickup.move(away, target) == (away if near else None)


def test_pickup_that_held_nothing_holds_nothing_after_a_displacement() -> None:
    pickup = Pickup()
    assert pickup.move(0.3, 0.5) is None
    pickup.displaced(0.31)
    assert pickup.move(0.2, 0.31) is None


def test_pickup_fires_when_it_leaves_where_something_else_put_the_knob() -> None:
    pickup = Pickup()
    assert pickup.move(0.3, 0.5) is None
    pickup.displaced(0.3)
    assert pickup.move(0.4, 0.3) == 0.4


@pytest.mark.parametrize(("before", "after"), [(0.3, 0.5), (0.7, 0.5), (0.3, 0.6), (0.7, 0.4)])
def test_pickup_fires_when_it_comes_to_the_knob_from_either_side(
    before: float, after: float
) -> None:
    pickup = Pickup()
    assert pickup.move(before, 0.5) is None
    assert pickup.move(after, 0.5) == after
    missed = Pickup()
    assert missed.move(before, 0.5) is None
    assert missed.move(before + (0.1 if before > 0.5 else -0.1), 0.5) is None


def test_scale_that_took_hold_from_near_goes_on_from_its_own_place() -> None:
    scale = Scale()
    assert scale.move(0.5, 0.51) == 0.5
    assert scale.move(0.75, 0.51) == 0.75


def test_scale_stays_where_it_is_while_the_control_does() -> None:
    scale = Scale()
    scale.move(0.5, 0.2)
    assert scale.move(0.5, 0.2) == 0.2


@pytest.mark.parametrize(("start", "target", "end"), [(57, 0.32, 0.0), (5, 0.076, 1.0)])
def test_scale_is_not_rounded_past_an_end(start: int, target: float, end: float) -> None:
    scale = Scale()
    assert scale.move(start / 127, target) is None
    assert scale.move(end, target) == end


def test_scale_lets_go_after_a_bank_change() -> None:
    scale = Scale()
    scale.move(0.5, 0.5)
    scale.rearm()
    assert scale.move(0.9, 0.1) is None
    assert scale.move(1.0, 0.1) == 1.0
