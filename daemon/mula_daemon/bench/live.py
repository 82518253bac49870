"""``mula bench live``: live play for a long time, under load, heard at the JACK port.

A daemon plays live on a dummy JACK server; knobs sweep 20 times a second and a second process
sends OSC messages. What two other JACK clients heard is then compared, sample for sample, with what
the engine made. What is amiss was heard by both; ``one_recorders_own`` counts what the other one
heard as it was made. Where a processor stood still at that moment, the last of a fault's figures
says for how many ms. Before that, on a server of its own: how soon a clip is heard after
``generate``.

The server waits for its clients in every cycle, so that the recorders hear all that the daemon
hands over; ``jack_lost_ms`` is how long its clock stood still for that, and for the machine. With
``--hurried`` it does not wait, as JACK by itself: a cycle that the machine was late for is then
missing in every client (``late_for_jack``), whoever plays.
Limit: what the machine's other programs leave; run it alone, or with a place before them.
"""

from __future__ import annotations

import argparse
import math
import os
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from time import monotonic, perf_counter_ns, sleep
from typing import Final

import numpy as np

from mula_bridge.control.messages import Cancel, Generate, JobState, Live, SetKnob, Stop
from mula_bridge.control.messages import Capture as CaptureBars
from mula_daemon.bench.child import child
from mula_daemon.bench.faults import Fault, common, faults, place
from mula_daemon.bench.figures import print_json, spread
from mula_daemon.bench.jack_port import PortCapture
from mula_daemon.bench.live_player import LivePlayer, add_settings, live_player
from mula_daemon.bench.stalls import stalls

SWEEPS: Final = 20
"""Knob moves a second."""
_KNOBS: Final = (("cfg", 1.0, 4.0), ("top_k", 20, 80), ("morph", 0.0, 1.0))
_SETTLED_S: Final = 90.0
"""After so long every bounded buffer is full: memory is compared from here on."""
_CAPTURE_S: Final = 60.0
_ROUND_S: Final = 12
"""The tape runs longer than the load."""


def main(argv: Sequence[str]) -> int:
    """Measure and print one JSON line; exit status 1 when anything was amiss."""
    made = argparse.ArgumentParser(prog="mula bench live", description=__doc__)
    made.add_argument("--engine", default="mini")
    made.add_argument("--minutes", type=float, default=30.0)
    made.add_argument("--messages", type=float, default=2000.0, help="OSC messages a second")
    made.add_argument("--clips", type=int, default=20, help="clips for the time to first sound")
    made.add_argument("--hurried", action="store_true", help="JACK skips who is late")
    add_settings(made)
    parsed = made.parse_args(argv)
    settings = {"audio_buffer": parsed.buffer, "live_lead": parsed.lead}
    with live_player(parsed.engine, parsed.period, settings) as player:
        ear = player.listen()
        generated = [_generate(player, number) for number in range(parsed.clips)]
        first_sounds = _first_sounds(ear.stop(), generated)
    # Another server, because JACK 1.9.21 can hang when a client leaves one that waits.
    waits = not parsed.hurried
    with live_player(parsed.engine, parsed.period, settings, waits=waits) as player:
        seconds = round(parsed.minutes * 60) + _ROUND_S
        tapes = [player.tape(seconds, number) for number in range(2)]
        player.begin()
        with stalls() as stood_still:
            sent, memory, peaks = _load(player, parsed.minutes * 60, parsed.messages)
        underruns = player.app.speaker.stats().underruns
        player.collect()
        recording = player.app.live.recording
        # Then it fades out, which is heard as something else.
        until, lead_ns = (0, 0) if recording is None else (recording.heard(), recording.lead_ns)
        player.emit(Live(False))
        ended = [reason for reason in player.notes.ended if reason]
        played = player.played()[:until]
        sounds = [tape.stop() for tape in tapes]
        one, other = (faults(sound, played, place(sound, played)) for sound in sounds)
        amiss = common(one, other)
        stalled = [stood_still.near(_begun_ns(player, fault) + lead_ns) for fault in amiss]
        heard = player.notes.heard_ms
        kinds = [fault.kind for fault in amiss]
        print_json(
            bench="live",
            engine=parsed.engine,
            minutes=parsed.minutes,
            frames=len(player.made),
            underruns_counted=underruns,
            gaps_heard=kinds.count("gap"),
            repeats_heard=kinds.count("repeat"),
            missing_heard=kinds.count("missing"),
            other_differences_heard=kinds.count("other"),
            first_faults=[
                (f.at, f.length, f.kind, ms) for f, ms in zip(amiss[:5], stalled[:5], strict=True)
            ],
            faults_while_the_machine_stood_still=sum(ms > 0 for ms in stalled),
            machine_stood_still=stood_still.figures,
            one_recorders_own=len(one) + len(other) - len(amiss) - len(common(other, one)),
            samples_compared=int(min(len(played), *map(len, sounds))),
            jack_waits=waits,
            jack_lost_ms=player.server.lost_ms(),
            late_for_jack=player.server.late(),
            messages_sent=sent,
            knobs_heard=len(heard),
            knob_to_ear_ms=spread(heard, 50, 95, 99) if heard else None,
            frame_ms=spread([(b - a) / 1e6 for _, a, b in player.made], 50, 95, 99),
            memory_growth_mb=memory,
            memory_peak_mb=peaks | {"all": round(sum(peaks.values()), 1)},
            first_sound_ms=first_sounds,
            lead_ms=parsed.lead,
            buffer_ms=parsed.buffer,
            period=parsed.period,
            ended_by_itself=ended,
            limit="the processor time that other programs leave",
        )
    return int(bool(underruns or amiss or ended))


def _begun_ns(player: LivePlayer, fault: Fault) -> int:
    """When the knobs of the frame in which the fault begins were read: a lead before it was
    heard."""
    frame = bisect_right(player.made, fault.at, key=lambda made: made[0]) - 1
    return player.made[max(0, frame)][1]


def _generate(player: LivePlayer, number: int) -> int:
    """Ask for a clip, wait for its end and for silence; perf_counter_ns when it was asked for."""
    job = f"first{number}"
    player.emit(SetKnob("bars", 1))
    asked_ns = perf_counter_ns()
    player.emit(Generate(job))
    if not player.notes.wait(lambda: player.notes.states.get(job) is JobState.DONE, 30):
        player.emit(Cancel(job))
    player.emit(Stop())
    sleep(0.5)
    return asked_ns


def _first_sounds(capture: PortCapture, asked: Sequence[int]) -> dict[str, float] | None:
    waits = []
    for asked_ns in asked:
        begin = capture.frame_at(asked_ns)
        part = np.asarray(capture.sound[begin : begin + 2 * 48_000])
        loud = np.flatnonzero(np.abs(part).max(axis=1) > 1e-4)
        if len(loud):
            waits.append((capture.ns_at(begin + int(loud[0])) - asked_ns) / 1e6)
    return spread(waits, 50, 95) | {"clips": len(waits)} if waits else None


def _load(
    player: LivePlayer, seconds: float, messages: float
) -> tuple[int, dict[str, float], dict[str, float]]:
    """Sweep knobs while the OSC load runs; messages sent, and growth and peak in MB of each
    process. What processes share, such as libraries, counts in the peak of each."""
    app = player.app
    address = app.osc_address
    assert address is not None
    interface = app.interface.pid if app.interface is not None else None
    pids = {"daemon": os.getpid(), "engine": app.engine.pid, "audio": interface}
    began = moved = captured = monotonic()
    settled: dict[str, float] = {}
    moves = 0
    with child("osc_client", "load", address[0], str(address[1]), str(messages)) as load:
        while (now := monotonic()) - began < seconds:
            if not settled and now - began > min(_SETTLED_S, seconds / 2):
                settled = _memory_mb(pids, "VmRSS")
            if now - captured > _CAPTURE_S:
                captured = now
                player.emit(CaptureBars(2))
            # Two bars there and back, one knob after the other.
            name, low, high = _KNOBS[moves % len(_KNOBS)]
            travel = 0.5 + 0.5 * math.sin((now - began) * math.pi / 4)
            player.emit(SetKnob(name, low + (high - low) * travel))
            moves += 1
            if moves % SWEEPS == 0:
                player.collect()
            moved += 1 / SWEEPS
            sleep(max(0.0, moved - monotonic()))
        resident = _memory_mb(pids, "VmRSS")
        grown = {name: round(mb - settled[name], 1) for name, mb in resident.items()}
        sent = int(load.communicate()[0])
    return sent + moves, grown, _memory_mb(pids, "VmHWM")


def _memory_mb(pids: Mapping[str, int | None], what: str) -> dict[str, float]:
    """Resident memory of processes on Linux, now (VmRSS) or at most (VmHWM); 0 elsewhere."""
    found = dict.fromkeys(pids, 0.0)
    for name, pid in pids.items():
        with suppress(OSError):
            status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
            found[name] = round(int(status.split(f"{what}:")[1].split()[0]) / 1024, 1)
    return found
