"""``mula bench latency --audio``: from an OSC packet to the changed sample at the JACK port.

A daemon plays live on a dummy JACK server. Knob messages arrive at moments that have nothing to
do with the beat. For each, the first frame that was sampled with the new value is known from the
frame reports; its first sample is found in what another JACK client heard, because what is heard
equals what was made, sample for sample (that is checked). With the engine ``tone`` the change can
also be found in the sound alone, where the pitch leaves the old one: ``by_pitch_ms``.

A knob waits for the next frame to begin, which is 0 to a sixteenth and no machine's fault; then
the frame is heard a lead later. The lead holds: making the frame, its way through the daemon,
what is kept ahead (``--buffer`` and the server's period), and what is left over.
"""

from __future__ import annotations

import argparse
import math
import random
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter_ns, sleep
from typing import Final

import numpy as np

from mula_bridge.osc import encode
from mula_daemon.bench.faults import find_near, place
from mula_daemon.bench.figures import print_json, spread
from mula_daemon.bench.jack_dummy import RATE
from mula_daemon.bench.jack_port import PortCapture
from mula_daemon.bench.live_player import LivePlayer, live_player
from mula_daemon.jobs import FrameTrace

_SHORTEST_S, _LONGEST_S = 0.25, 0.55
_SETTLE_S: Final = 3.0
_MARKED: Final = 2e-5
"""A tone of the old pitch leaves less than this of itself; float32 noise is 1e-7."""


@dataclass(frozen=True, slots=True)
class MeasuredMoves:
    """One change: milliseconds from the packet to the port, and where they went."""

    whole: float
    waited: float
    making: float
    by_pitch: float | None


def run(parsed: argparse.Namespace) -> int:
    """Measure and print one JSON line; 1 when a change was not found."""
    trace = FrameTrace()
    settings = {"audio_buffer": parsed.buffer, "live_lead": parsed.lead}
    with live_player(parsed.engine, parsed.period, settings, trace) as player:
        ear = player.listen()
        player.begin()
        sleep(_SETTLE_S)
        sent = _send(player, parsed.changes)
        sleep(1.0)
        player.collect()
        ahead_ms = player.app.speaker.ahead_ns / 1e6
        recording = player.app.live.recording
        lead_ms = recording.lead_ns / 1e6 if recording is not None else math.nan
        underruns = player.app.speaker.stats().underruns
        measured = _measured(player, trace, ear.stop(), sent)
    whole = [one.whole for one in measured]
    pitched = [one.by_pitch for one in measured if one.by_pitch is not None]
    if parsed.figure:
        _draw(whole, Path(parsed.figure), f"{parsed.engine}: knob to ear, {len(whole)} changes")
    print_json(
        bench="latency --audio",
        engine=parsed.engine,
        changes=len(sent),
        found=len(measured),
        underruns=underruns,
        knob_to_ear_ms=spread(whole, 50, 95, 99),
        by_pitch_ms=spread(pitched, 50, 95, 99) if pitched else None,
        where={
            "waiting_for_the_next_frame_ms": spread([one.waited for one in measured], 50, 95),
            "from_its_begin_to_the_port_ms": spread([m.whole - m.waited for m in measured], 50, 95),
            "of_that_making_it_ms": spread([one.making for one in measured], 50, 95),
            "of_that_kept_ahead_ms": round(ahead_ms, 1),
            "lead_ms": lead_ms,
        },
        settings={**settings, "period": parsed.period},
        limit="a frame is a sixteenth, 125 ms at 120 BPM: a change waits for half of one",
    )
    return int(len(measured) < len(sent))


def _send(player: LivePlayer, changes: int) -> list[tuple[float, int]]:
    """Move cfg ``changes`` times; the values, and perf_counter_ns of the packets."""
    chance, sent = random.Random(7), []
    address = player.app.osc_address
    assert address is not None
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
        peer.connect(address)
        for number in range(changes):
            # Far enough apart to hear, and no value twice.
            value = round((1.0 if number % 2 else 2.0) + number * 0.003, 3)
            sent.append((value, perf_counter_ns()))
            peer.send(encode("/mula/knob/cfg", (value,)))
            sleep(chance.uniform(_SHORTEST_S, _LONGEST_S))
            if number % 20 == 0:
                player.collect()
    return sent


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
