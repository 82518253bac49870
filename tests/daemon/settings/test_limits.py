"""Limits of the clip folder as they are written."""

from __future__ import annotations

import pytest

from mula_bridge.errors import BadInput
from mula_daemon.settings.limits import Limits, parse_limits


@pytest.mark.parametrize(
    ("text", "limits"),
    [
        ("", Limits()),
        ("500", Limits(clips=500)),
        ("500 clips", Limits(clips=500)),
        ("20GB", Limits(size=20_000_000_000)),
        ("1.5 gb, 100", Limits(clips=100, size=1_500_000_000)),
    ],
)
def test_numbers_are_clips_and_units_are_sizes(text: str, limits: Limits) -> None:
    assert parse_limits(text) == limits
    assert bool(limits) == bool(text)


@pytest.mark.parametrize("text", ["many", "0", "-3", "2.5", "0GB", "5 XB", "GB"])
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(BadInput, match="neither a number of clips nor a size"):
        parse_limits(text)


def test_each_limit_counts_by_itself() -> None:
    both = Limits(clips=2, size=100)
    assert not both.exceeded(2, 100)
    assert both.exceeded(3, 1)
    assert both.exceeded(1, 101)
    assert not Limits().exceeded(10**9, 10**18)
