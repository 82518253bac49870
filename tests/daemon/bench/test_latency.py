"""Which knob moves count as lost, and what of a knob's way to the ear no computing is."""

from __future__ import annotations

import pytest

from mula_bridge.control.messages.reports import FrameReport
from mula_daemon.bench.latency import HeardMoves, MeasuredMoves, overtaken
from mula_daemon.engine.seam import EngineInfo
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


CLOCKED = EngineInfo("c", "1", 48_000, 2, "cpu", {}, frame_seconds=0.08, burst_frames=2)


def test_what_no_faster_machine_would_save_is_what_is_added_up() -> None:
    """A lead of 80 look-ahead, 60 computing, 15 margin and 30 kept ahead; the card takes 10."""
    lead_ms, kept_ms, computing_ms = 185.0, 125.0, 60.0
    moves = [
        MeasuredMoves(waited + lead_ms - 10, waited, 90.0, None) for waited in (20.0, 80.0, 140.0)
    ]
    heard = HeardMoves(moves, {}, 0, CLOCKED, 30.0, [lead_ms] * 3)
    assert heard.after_the_port_ms == pytest.approx(10)
    found = heard.not_computing(10.0)
    assert found["computing_set_aside"] == computing_ms
    assert found["added_up"] == found["measured"] == 80 + kept_ms - 10
    assert found["difference"] == 0
    assert heard.not_computing(0.0)["difference"] == -10
