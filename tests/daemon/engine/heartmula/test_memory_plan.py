"""What fits on which card."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mula_daemon.engine.heartmula.memory_plan import (
    CARDS_GB,
    DESKTOP,
    GB,
    Placement,
    make_plan,
    report,
)

CHOSEN = {
    4: None,
    8: ("int8", Placement.CPU, "float32"),
    12: ("int8", Placement.GPU, "bfloat16"),
    24: ("bfloat16", Placement.GPU, "float32"),
    80: ("bfloat16", Placement.GPU, "float32"),
}


@pytest.mark.parametrize(("size", "chosen"), CHOSEN.items())
def test_what_is_chosen_for_the_cards_producers_own(
    size: int, chosen: tuple[str, Placement, str] | None
) -> None:
    plan = make_plan(size * GB - DESKTOP)
    assert plan.fits is (chosen is not None)
    if chosen:
        assert (plan.precision, plan.placement, plan.flow) == chosen
    assert f"with {size} GB" in report(size * GB, plan)


@given(budget=st.integers(0, 40 * GB), rows=st.integers(2, 48))
def test_a_plan_that_fits_is_within_the_budget_and_more_memory_never_takes_away(
    budget: int, rows: int
) -> None:
    plan, larger = make_plan(budget, rows=rows), make_plan(budget + GB, rows=rows)
    assert plan.fits == (plan.total <= budget)
    assert larger.fits or not plan.fits


def test_what_is_named_holds() -> None:
    plan = make_plan(80 * GB, precision="int4", placement=Placement.AFTER)
    assert (plan.precision, plan.placement) == ("int4", Placement.AFTER)
    assert plan.total < make_plan(80 * GB, precision="int4").total


def test_the_cards_of_the_doctor_are_among_them() -> None:
    assert set(CARDS_GB) <= CHOSEN.keys()
