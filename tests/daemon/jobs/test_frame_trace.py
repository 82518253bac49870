from __future__ import annotations

from mula_bridge.control.messages.reports import FrameReport, Progress
from mula_daemon.jobs.frame_trace import Applied, FrameTrace


def frame(index: int, cfg: float, started_ms: float) -> FrameReport:
    return FrameReport("j", index, 9, {"cfg": cfg}, 0, round(started_ms * 1e6))


def test_it_counts_the_frames_begun_after_the_change() -> None:
    trace = FrameTrace()
    for report in (frame(0, 1.5, 0), frame(1, 1.5, 10), frame(2, 3.0, 20), frame(3, 3.0, 30)):
        trace.report(report, to=None, but=None)
    trace.report(Progress("j", 1.0), to=None, but=None)
    assert trace.applied("cfg", 3.0, 15_000_000) == Applied(1, 5.0)
    assert trace.applied("cfg", 3.0, 5_000_000) == Applied(2, 15.0)


def test_a_change_that_no_frame_had_is_not_applied() -> None:
    trace = FrameTrace()
    trace.report(frame(0, 1.5, 0), to=None, but=None)
    assert trace.applied("cfg", 4.0, 0) is None
