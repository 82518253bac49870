"""``mula bench latency``: OSC round trip and knob to frame, while a clip is generated.

The daemon runs in this process and its engine in its own, at full speed. The client
is a third process, so that it does not share the interpreter lock it measures. Times of
all three are perf_counter, which is one clock per machine. A knob's time runs from the
client's send to the begin of the first frame that had it; its frames count those that
began after it was sent, so 1 means the next frame.
"""

from __future__ import annotations

import argparse
import math
import random
import socket
import tempfile
from bisect import bisect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from statistics import fmean
from time import perf_counter_ns, sleep
from typing import Any, Final

import numpy as np

from mula_bridge.control.messages import (
    Generate,
    JobChanged,
    JobState,
    Origin,
    Report,
    SetKnob,
    SetTags,
)
from mula_bridge.osc import encode
from mula_daemon.app import App, running
from mula_daemon.bench.faults import find_near, place
from mula_daemon.bench.figures import percentile, print_json, spread
from mula_daemon.bench.jack_dummy import RATE
from mula_daemon.bench.jack_port import PortCapture
from mula_daemon.bench.live_player import LivePlayer, live_player
from mula_daemon.bench.osc_client import pinged
from mula_daemon.engine import EngineInfo
from mula_daemon.jobs import FrameTrace, JobWatch
from mula_daemon.live import SPARE_NS
from mula_daemon.settings import load_config

BENCH = Origin("bench")
BARS = 64
KNOB_EVERY = 10
UNDER_WAY = (JobState.QUEUED, JobState.RUNNING)

_SHORTEST_S, _LONGEST_S = 0.25, 0.55
_SETTLE_S: Final = 3.0
_MARKED: Final = 2e-5
"""A tone of the old pitch leaves less than this of itself; float32 noise is 1e-7."""


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
    made.add_argument(
        "--changes",
        type=int,
        default=200,
        help="with --audio: how many; HeartMuLa gets them twice, first with frames made one by "
        "one, then in bursts",
    )
    made.add_argument("--period", type=int, default=512, help="with --audio: the JACK server's")
    made.add_argument("--buffer", default="30", help="with --audio: --audio-buffer, ms")
    made.add_argument("--lead", default="125", help="with --audio: --live-lead, ms")
    made.add_argument("--figure", default="", metavar="PNG", help="with --audio: a histogram")
    made.add_argument("--checkpoint", default="", metavar="DIR", help="of --engine heartmula")
    made.add_argument(
        "--codec-stream", default="", metavar="NAME=N,...", help="of --engine heartmula, as in run"
    )
    parsed = made.parse_args(argv)
    if parsed.audio:
        return hear(parsed)
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


@dataclass(frozen=True, slots=True)
class MeasuredMoves:
    """One change: milliseconds from the packet to the port, and where they went."""

    whole: float
    waited: float
    making: float
    by_pitch: float | None


def hear(parsed: argparse.Namespace) -> int:
    """From an OSC packet to the changed sample at the JACK port: ``--audio``.

    A daemon plays live on a dummy JACK server. Knob messages arrive at moments that have nothing to
    do with the beat. For each, the first frame that was sampled with the new value is known from
    the frame reports; its first sample is found in what another JACK client heard, because what is
    heard equals what was made, sample for sample (that is checked). With the engine ``tone`` the
    change can also be found in the sound alone, where the pitch leaves the old one:
    ``by_pitch_ms``.

    A knob waits for the next frame to begin, which is 0 to a sixteenth and no machine's fault; then
    the frame is heard a lead later. The lead holds: making the frame, its way through the daemon,
    what is kept ahead (``--buffer`` and the server's period), and what is left over.
    """
    settings = {"audio_buffer": parsed.buffer, "live_lead": parsed.lead}
    if parsed.engine == "heartmula":
        return compare(parsed, settings)
    heard = listen(parsed, settings)
    print_json(
        bench="latency --audio",
        engine=parsed.engine,
        **heard.figures,
        settings={**settings, "period": parsed.period},
        limit="a frame is a sixteenth, 125 ms at 120 BPM: a change waits for half of one",
    )
    return int(heard.lost > 0)


def compare(parsed: argparse.Namespace, settings: Mapping[str, str]) -> int:
    """HeartMuLa: frames made one by one at the pace of the ear, and then in bursts.

    Of what is measured in bursts, computing is what the plan has set aside for it. The rest ought
    to be half a hop, a frame, and what is kept ahead: ``bursts_not_computing_ms`` compares them.
    The sound card's own output comes after the port, so the first way says how long it is.
    """
    heartmula = {"checkpoint": parsed.checkpoint, "codec_stream": parsed.codec_stream}
    ways = [heartmula | {"codec_stream": f"{parsed.codec_stream},bursts={on}"} for on in (0, 1)]
    heard = [listen(parsed, {**settings, **way}) for way in ways]
    one_by_one, bursts = heard
    print_json(
        bench="latency --audio",
        engine=parsed.engine,
        one_by_one=one_by_one.figures,
        bursts=bursts.figures,
        bursts_not_computing_ms=bursts.not_computing(one_by_one.after_the_port_ms),
        settings={**settings, **heartmula, "period": parsed.period},
        limit="the look-ahead of a frame, half a hop, and computing",
    )
    return int(any(one.lost for one in heard))


@dataclass(frozen=True, slots=True)
class HeardMoves:
    """What came of moving a knob again and again, and of how it was made."""

    measured: Sequence[MeasuredMoves]
    figures: dict[str, Any]
    lost: int
    """Moves that were not heard."""
    engine: EngineInfo
    ahead_ms: float
    leads_ms: Sequence[float]
    """The lead at each move."""
    periods_ms: Sequence[float] = ()
    """From the begin of each frame to that of the next."""

    @property
    def after_the_port_ms(self) -> float:
        """What the sound card says that it takes after the port: there a frame is so much sooner
        than a lead after its begin."""
        return fmean(self.leads_ms) - percentile([m.whole - m.waited for m in self.measured], 50)

    def not_computing(self, after_the_port_ms: float) -> dict[str, float]:
        """Milliseconds from knob to port that no faster machine would save: as measured, as they
        are added up, and the difference."""
        frame_ms = 1e3 * self.engine.frame_seconds
        hop_ms = self.engine.burst_frames * frame_ms
        # The look-ahead and the sound card's part; a burst's computing is the rest of the lead.
        kept_ms = frame_ms + self.ahead_ms + SPARE_NS / 1e6
        computing_ms = fmean(self.leads_ms) - kept_ms
        measured = fmean(one.whole for one in self.measured) - computing_ms
        # A move while a burst is made is heard with the next of its frames: of hop - 1 frames'
        # time each, it saves the frames that are left, which is half a frame's time for each.
        within = [ms for ms in self.periods_ms if ms < frame_ms / 2]
        saved_ms = percentile(within, 50) * (self.engine.burst_frames - 1) / 2 if within else 0.0
        added = hop_ms / 2 - saved_ms + kept_ms - after_the_port_ms
        return {
            "measured": round(measured, 1),
            "half_a_hop": hop_ms / 2,
            "moves_within_a_burst": round(-saved_ms, 1),
            "a_frame": frame_ms,
            "kept_ahead_and_margin": round(kept_ms - frame_ms, 1),
            "after_the_port": round(-after_the_port_ms, 1),
            "added_up": round(added, 1),
            "difference": round(measured - added, 1),
            "computing_set_aside": round(computing_ms, 1),
        }


def listen(parsed: argparse.Namespace, settings: Mapping[str, str]) -> HeardMoves:
    """Play live with these settings, move the knob, and find each move at the port."""
    trace = FrameTrace()
    with live_player(parsed.engine, parsed.period, settings, trace) as player:
        ear = player.listen()
        player.begin()
        sleep(_SETTLE_S)
        sent, leads_ms = _send(player, parsed.changes)
        sleep(1.0 + max(leads_ms) / 1e3)
        player.collect()
        ahead_ms = player.app.speaker.ahead_ns / 1e6
        engine = player.playing().engine
        underruns = player.app.speaker.stats().underruns
        measured = _measured(player, trace, ear.stop(), sent)
    whole = [one.whole for one in measured]
    pitched = [one.by_pitch for one in measured if one.by_pitch is not None]
    if parsed.figure:
        _draw(whole, Path(parsed.figure), f"{parsed.engine}: knob to ear, {len(whole)} changes")
    figures = {
        "changes": len(sent),
        "found": len(measured),
        "underruns": underruns,
        "knob_to_ear_ms": spread(whole, 50, 95, 99),
        "by_pitch_ms": spread(pitched, 50, 95, 99) if pitched else None,
        "where": {
            "waiting_for_the_next_frame_ms": spread([one.waited for one in measured], 50, 95),
            "from_its_begin_to_the_port_ms": spread([m.whole - m.waited for m in measured], 50, 95),
            "of_that_making_it_ms": spread([one.making for one in measured], 50, 95),
            "of_that_kept_ahead_ms": round(ahead_ms, 1),
            "lead_ms": round(leads_ms[-1], 1),
        },
        "said": [note for note in engine.notes if note.startswith("live")],
    }
    lost = len(sent) - len(measured)
    return HeardMoves(measured, figures, lost, engine, ahead_ms, leads_ms, periods(trace))


def _send(player: LivePlayer, changes: int) -> tuple[list[tuple[float, int]], list[float]]:
    """Move cfg ``changes`` times; the values, and perf_counter_ns of the packets; and the lead at
    each of them, in ms."""
    chance, sent, leads_ms = random.Random(7), list[tuple[float, int]](), list[float]()
    address = player.app.osc_address
    assert address is not None
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
        peer.connect(address)
        for number in range(changes):
            # Far enough apart to hear, and no value twice.
            value = round((1.0 if number % 2 else 2.0) + number * 0.003, 3)
            leads_ms.append(player.playing().lead_ns / 1e6)
            sent.append((value, perf_counter_ns()))
            peer.send(encode("/mula/knob/cfg", (value,)))
            sleep(chance.uniform(_SHORTEST_S, _LONGEST_S))
            if number % 20 == 0:
                player.collect()
    return sent, leads_ms


def _measured(
    player: LivePlayer,
    trace: FrameTrace,
    capture: PortCapture,
    sent: Sequence[tuple[float, int]],
) -> list[MeasuredMoves]:
    played = player.played()
    offset = place(capture.sound, played)
    found = []
    before = 1.5
    for value, sent_ns in sent:
        frame = next((f for f in trace.frames() if abs(f.knobs["cfg"] - value) < 1e-6), None)
        if frame is None or frame.index >= len(player.made):
            continue
        first, started_ns, made_ns = player.made[frame.index]
        at = find_near(capture.sound, played, first, offset)
        if at is None:
            continue
        offset = at - first
        pitched = _pitch_leaves(capture, before, at)
        found.append(
            MeasuredMoves(
                (capture.ns_at(at) - sent_ns) / 1e6,
                (started_ns - sent_ns) / 1e6,
                (made_ns - started_ns) / 1e6,
                None if pitched is None else (capture.ns_at(pitched) - sent_ns) / 1e6,
            )
        )
        before = value
    return found


def _pitch_leaves(capture: PortCapture, cfg: float, near: int) -> int | None:
    """The first frame whose sound is no sine of the pitch that ``tone`` has at ``cfg``.

    A sampled sine keeps s[n+1] + s[n-1] = 2 cos(w) s[n]. None where there was no such sine.
    """
    begin = near - RATE // 16
    part = np.asarray(capture.sound[begin : near + RATE // 16, 0], np.float64)
    # The seed moves the pitch by whole Hz.
    for hertz in (110.0 * 2.0**cfg + step for step in range(7)):
        turn = 2 * math.pi * hertz / RATE
        rest = np.abs(part[2:] + part[:-2] - 2 * math.cos(turn) * part[1:-1])
        if rest[: RATE // 64].max() < _MARKED:
            left = np.flatnonzero(rest > _MARKED)
            return begin + 2 + int(left[0]) if len(left) else None
    return None


def _draw(values: Sequence[float], path: Path, title: str) -> None:
    """A histogram as PNG; needs matplotlib (pip install 'mulabridge[plot]')."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 3.5), layout="constrained")
    axes = figure.subplots()
    axes.hist(values, bins=40, color="#4477aa")
    for percent in (50, 95, 99):
        at = spread(values, percent)[f"p{percent}"]
        axes.axvline(at, color="#222222", linewidth=1)
        axes.annotate(f"p{percent} {at:.0f} ms", (at, 0.97), xycoords=("data", "axes fraction"),
                      rotation=90, va="top", ha="right", fontsize=8)  # fmt: skip
    axes.set(title=title, xlabel="ms from the OSC packet to the JACK port", ylabel="changes")
    figure.savefig(path, dpi=120)
