"""Which knob moves count as lost."""

from __future__ import annotations

from mula_bridge.control.messages.reports import FrameReport
from mula_daemon.bench.latency import overtaken
from mula_daemon.jobs.frame_trace import FrameTrace

MS = 1_000_000


def trace_of(*begun_ms: int) -> FrameTrace:
    trace = FrameTrace()
    for index, at in enumerate(begun_ms):
        trace.report(FrameReport("a", index, 9, {}, 0, at * MS), to=None, but=None)
    return trace


def test_a_move_gives_way_to_the_next_where_no_frame_began_in_time() -> None:
    sent = [5 * MS, 55 * MS]
    assert overtaken(trace_of(0, 60, 70), sent, 5 * MS)
    assert overtaken(trace_of(0, 6, 60, 70), sent, 5 * MS)


def test_a_move_that_frames_had_time_for_was_lost() -> None:
    assert not overtaken(trace_of(0, 10, 20, 60), [5 * MS, 55 * MS], 5 * MS)


def test_the_last_move_is_overtaken_by_none() -> None:
    assert not overtaken(trace_of(0, 60), [5 * MS, 55 * MS], 55 * MS)
