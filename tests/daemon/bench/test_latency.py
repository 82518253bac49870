"""Which knob moves count as lost, and what of a knob's way to the ear no computing is."""

from __future__ import annotations

import math
from dataclasses import replace

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


def test_a_move_within_a_burst_need_not_wait_for_the_next_one() -> None:
    """Simulated: bursts of 4 frames of 12 ms each; a knob is turned at any time."""
    hop, frame_ms, lead_ms = 4, 12.0, 300.0
    moves = []
    for tenth in range(hop * 800):
        at_ms = tenth / 10
        frame = math.ceil(at_ms / frame_ms)
        begun_ms = frame * frame_ms if frame < hop else hop * 80.0
        heard_ms = lead_ms + (frame if frame < hop else hop) * 80.0
        moves.append(MeasuredMoves(heard_ms - at_ms, begun_ms - at_ms, 0.0, None))
    engine = replace(CLOCKED, burst_frames=hop)
    periods_ms = [12.0, 12.0, 12.0, 284.0] * 3
    found = HeardMoves(moves, {}, 0, engine, 0.0, [lead_ms], periods_ms).not_computing(0.0)
    assert found["moves_within_a_burst"] == -18.0
    assert found["difference"] == pytest.approx(0, abs=0.5)
