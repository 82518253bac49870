from __future__ import annotations

from time import perf_counter_ns, sleep

from mula_daemon.bench.stalls import WORTH_MS, Stalls, stalls
from support.processes import children


def test_the_longest_stall_near_a_moment_is_told() -> None:
    seen = Stalls([(1_000_000_000, 5.0), (1_030_000_000, 20.0), (9_000_000_000, 80.0)])
    assert seen.near(1_010_000_000) == 20.0
    assert seen.near(5_000_000_000) == 0.0
    assert seen.figures == {"count": 3, "worst_ms": 80.0, "stolen_ms": 0.0}
    assert Stalls().figures == {"count": 0, "worst_ms": 0.0, "stolen_ms": 0.0}


def test_a_watch_ends_with_the_body_and_tells_only_what_was_in_it() -> None:
    began = perf_counter_ns()
    with stalls() as seen:
        assert seen.seen == []
        (watch,) = children("mula_daemon.bench.stalls")
        watch.suspend()  # for the watch that is a machine that stands still
        sleep(0.2)
        watch.resume()
        resumed = perf_counter_ns()
        sleep(0.1)
    assert seen.near(resumed) > 150
    assert 0 <= seen.stolen_ms < 10_000
    for at_ns, ms in seen.seen:
        assert began <= at_ns <= perf_counter_ns()
        assert ms > WORTH_MS
