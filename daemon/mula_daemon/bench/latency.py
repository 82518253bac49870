"""``mula bench latency``: OSC round trip and knob to frame, while a clip is generated.

The daemon runs in this process and its engine in its own, at full speed. The client
is a third process, so that it does not share the interpreter lock it measures. Times of
all three are perf_counter, which is one clock per machine. A knob's time runs from the
client's send to the begin of the first frame that had it; its frames count those that
began after it was sent, so 1 means the next frame.
"""

from __future__ import annotations

import argparse
import tempfile
from bisect import bisect
from collections.abc import Sequence
from itertools import pairwise
from time import sleep
from typing import Any

from mula_bridge.control.messages import (
    Generate,
    JobChanged,
    JobState,
    Origin,
    Report,
    SetKnob,
    SetTags,
)
from mula_daemon.app import App, running
from mula_daemon.bench import latency_audio
from mula_daemon.bench.figures import print_json, spread
from mula_daemon.bench.osc_client import pinged
from mula_daemon.jobs import FrameTrace, JobWatch
from mula_daemon.settings import load_config

BENCH = Origin("bench")
BARS = 64
KNOB_EVERY = 10
UNDER_WAY = (JobState.QUEUED, JobState.RUNNING)


def main(argv: Sequence[str]) -> int:
    """Measure and print one JSON line."""
    made = argparse.ArgumentParser(prog="mula bench latency", description=__doc__)
    made.add_argument("--engine", default="mini")
    made.add_argument("--seconds", type=float, default=10.0)
    made.add_argument(
        "--audio",
        action="store_true",
        help="from the OSC packet to the changed sample at a JACK port",
    )
    made.add_argument("--changes", type=int, default=200, help="with --audio: how many")
    made.add_argument("--period", type=int, default=512, help="with --audio: the JACK server's")
    made.add_argument("--buffer", default="30", help="with --audio: --audio-buffer, ms")
    made.add_argument("--lead", default="125", help="with --audio: --live-lead, ms")
    made.add_argument("--figure", default="", metavar="PNG", help="with --audio: a histogram")
    parsed = made.parse_args(argv)
    if parsed.audio:
        return latency_audio.run(parsed)
    trace, busy = FrameTrace(), KeepBusy()
    with tempfile.TemporaryDirectory() as folder:
        options = {"engine": parsed.engine, "folder": folder, "audio": "off"}
        config = load_config(options).alone()
        with running(config, [trace, busy]) as app:
            assert app.osc_address is not None
            busy.start(app)
            client = pinged(app.osc_address, parsed.seconds, patience_s=1.0, moves=KNOB_EVERY)
            sleep(0.2)
        print_json(bench="latency", engine=parsed.engine, **figures(client, trace))
    return 0


def figures(client: dict[str, Any], trace: FrameTrace) -> dict[str, Any]:
    """The JSON line's content from the client's notes and the frames reported."""
    during = [(value, sent) for value, sent in client["knobs"] if generating(trace, sent)]
    applied = [trace.applied("cfg", value, sent) for value, sent in during]
    found = [one for one in applied if one is not None]
    unseen = [sent for (_, sent), one in zip(during, applied, strict=True) if one is None]
    passed = sum(overtaken(trace, [sent for _, sent in client["knobs"]], one) for one in unseen)
    return {
        "pings": len(client["round_trips_ms"]),
        "pings_lost": client["lost"],
        "round_trip_ms": spread(client["round_trips_ms"], 50, 99),
        "knobs": len(applied),
        "knobs_between_clips": len(client["knobs"]) - len(during),
        "knobs_overtaken": passed,
        "knobs_lost": len(unseen) - passed,
        "knob_to_frame_ms": spread([one.milliseconds for one in found], 50, 99),
        "frames_to_apply": spread([float(one.frames) for one in found], 50, 99),
        "limit": "the frame period: a knob waits for the frame that runs to end",
        "frame_period_ms": spread(periods(trace), 50, 99),
    }


def overtaken(trace: FrameTrace, sent: Sequence[int], sent_ns: int) -> bool:
    """Whether the move sent at ``sent_ns`` may have given way to the next one: a machine that
    stands still makes too few frames for both. ``sent``: when every move was."""
    later = [ns for ns in sent if ns > sent_ns]
    begun = [ns for ns in (frame.started_ns for frame in trace.frames()) if ns > sent_ns]
    # The frame that begins while the message is on its way may be too early for it.
    return bool(later) and sum(ns < later[0] for ns in begun) <= 1


def generating(trace: FrameTrace, sent_ns: int) -> bool:
    """Whether a clip was in the making at ``sent_ns``: a frame of one job before and after it."""
    frames = trace.frames()
    place = bisect([frame.started_ns for frame in frames], sent_ns)
    return 0 < place < len(frames) and frames[place].job == frames[place - 1].job


def periods(trace: FrameTrace) -> list[float]:
    """Milliseconds between the begins of neighbouring frames of a job."""
    frames = trace.frames()
    return [
        (later.started_ns - earlier.started_ns) / 1e6
        for earlier, later in pairwise(frames)
        if later.index == earlier.index + 1
    ]


class KeepBusy(JobWatch):
    """A JobWatch that queues the next job as soon as one has ended."""

    def __init__(self) -> None:
        super().__init__()
        self._app: App | None = None

    def report(self, report: Report, *, to: Origin | None, but: Origin | None) -> None:
        """Take one report; session thread."""
        super().report(report, to=to, but=but)
        ended = isinstance(report, JobChanged) and report.state not in UNDER_WAY
        if ended and self._app is not None:
            self._app.emit(Generate(), BENCH)

    def start(self, app: App) -> None:
        """Wait for a warm engine, then keep it generating."""
        self.until_ready()
        self._app = app
        for command in (SetTags(("techno",)), SetKnob("bars", BARS), Generate(), Generate()):
            app.emit(command, BENCH)
        self.wait(lambda: self.count(JobState.RUNNING))
