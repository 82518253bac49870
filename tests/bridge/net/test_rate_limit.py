"""The rate limit."""

from __future__ import annotations

from mula_bridge.net.rate_limit import _MAX_KEYS, RateLimit


def test_each_may_ten_a_second() -> None:
    limit = RateLimit(10)
    assert sum(limit.allow("a", now=0) for _ in range(50)) == 10
    assert sum(limit.allow("b", now=0) for _ in range(50)) == 10
    assert sum(limit.allow("a", now=0.5) for _ in range(50)) == 5
    assert sum(limit.allow("a", now=100) for _ in range(50)) == 10


def test_its_memory_is_bounded() -> None:
    limit = RateLimit(10)
    for key in range(3 * _MAX_KEYS):
        assert limit.allow(key, now=0)
    assert len(limit._left) == _MAX_KEYS
