"""What sound that keeps coming too late does to the lead."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mula_daemon.live.margin import IN_A_ROW, MOST_NS, Margin

MS = 1_000_000


def test_what_is_late_now_and_then_changes_nothing() -> None:
    margin = Margin()
    for _ in range(20):
        assert not any(margin.note(30 * MS) for _ in range(IN_A_ROW - 1))
        assert not margin.note(-MS)
    assert margin.ns == 0


def test_what_is_late_again_and_again_is_begun_earlier_by_as_much_as_all_of_it_was() -> None:
    margin = Margin()
    grown = [margin.note(late * MS) for late in (30, 12, 50, 20)]
    assert grown == [False, False, False, True]
    assert margin.ns == 12 * MS


@given(st.lists(st.integers(-50 * MS, 500 * MS), max_size=60))
def test_it_never_shrinks_and_has_an_end(behind: list[int]) -> None:
    margin = Margin()
    for each in behind:
        before = margin.ns
        assert margin.note(each) == (margin.ns > before)
        assert before <= margin.ns <= MOST_NS
