"""``mula bench bars``: bar lines of live play at the JACK port against the session's.

A daemon plays live with its transport running, and the tempo changes every few bars. The first
sample of each bar is found in what another JACK client heard, and its time is compared with the
bar line of the session's beat. What all have in common is the way from the daemon's reckoning to
the port, so the median is told apart and the rest counts from it. Limit: a change of tempo is
heard a lead after it holds, so the bar that was begun by then ends early or late. Where the
machine stands still, JACK's clock does too (``jack_lost_ms``), or it goes on without a client
(``late_for_jack``), whose sound then comes a period later; live play needs a bar to be back.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from time import monotonic, sleep
from typing import Final

from mula_bridge.control import BEATS_PER_BAR
from mula_bridge.control.messages import SetKnob, StartTransport
from mula_daemon.bench.faults import find_near, place
from mula_daemon.bench.figures import print_json, spread
from mula_daemon.bench.jack_port import PortCapture
from mula_daemon.bench.live_player import LivePlayer, add_settings, live_player
from mula_daemon.tempo import Timeline

TEMPI: Final = (120.0, 126.0, 174.0, 90.0, 123.4)
SETTLED_BARS: Final = 2
"""A bar that begins so many bars after a change, or later, is to be on the line."""
_SETTLE_S: Final = 0.2


def main(argv: Sequence[str]) -> int:
    """Measure and print one JSON line; exit status 1 when a bar was not found."""
    made = argparse.ArgumentParser(prog="mula bench bars", description=__doc__)
    made.add_argument("--engine", default="mini")
    made.add_argument("--seconds", type=float, default=120.0)
    made.add_argument("--every", type=float, default=15.0, help="seconds between tempo changes")
    add_settings(made)
    parsed = made.parse_args(argv)
    settings = {"audio_buffer": parsed.buffer, "live_lead": parsed.lead}
    with live_player(parsed.engine, parsed.period, settings) as player:
        ear = player.listen()
        player.emit(StartTransport())
        sleep(_SETTLE_S)
        player.begin()
        lines = _change_tempo(player, parsed.seconds, parsed.every)
        per_bar = BEATS_PER_BAR * player.playing().engine.frames_per_beat
        underruns = player.app.speaker.stats().underruns
        player.collect()
        bars = len(player.made) // per_bar
        found = _bars(player, ear.stop(), lines, per_bar)
        jack_lost_ms = player.server.lost_ms()
        late_for_jack = player.server.late()
        asked = {line.bpm for line in lines}
        bent = sum(
            not set(player.tempi[bar * per_bar : (bar + 1) * per_bar]) <= asked
            for bar in range(bars)
        )
    usual = median(bar.off_ms for bar in found)
    settled = [abs(bar.off_ms - usual) for bar in found if bar.since >= SETTLED_BARS]
    others = [abs(bar.off_ms - usual) for bar in found if bar.since < SETTLED_BARS]
    print_json(
        bench="bars",
        engine=parsed.engine,
        bars=bars,
        found=len(found),
        tempo_changes=len(lines) - 1,
        median_ms=round(usual, 3),
        settled_bars=len(settled),
        settled_off_ms=spread(settled, 50, 95, 100) if settled else None,
        bars_after_a_change=len(others),
        off_after_a_change_ms=spread(others, 50, 95, 100) if others else None,
        bent_bars=bent,
        underruns=underruns,
        jack_lost_ms=round(jack_lost_ms, 1),
        late_for_jack=late_for_jack,
        settings={**settings, "period": parsed.period},
        limit="a new tempo is heard a lead after it holds",
    )
    return int(len(found) < bars)


@dataclass(frozen=True, slots=True)
class _Bar:
    """A bar line at the port: ms after the session's, and bars since the last change of tempo."""

    off_ms: float
    since: int


def _change_tempo(player: LivePlayer, seconds: float, every: float) -> list[Timeline]:
    """Every line that the session followed, each true from its ``at_ns`` on."""
    lines = [player.app.conductor.timeline]
    end, number = monotonic() + seconds, 0
    while (left := end - monotonic()) > 0:
        sleep(min(left, every))
        player.collect()
        if end - monotonic() > every / 2:
            number += 1
            player.emit(SetKnob("bpm", TEMPI[number % len(TEMPI)]))
            sleep(_SETTLE_S)
            lines.append(player.app.conductor.timeline)
    return lines


def _bars(
    player: LivePlayer, capture: PortCapture, lines: Sequence[Timeline], per_bar: int
) -> list[_Bar]:
    played = player.played()
    offset = place(capture.sound, played)
    found = []
    since, before = 0, 0
    for frame in range(0, len(player.made), per_bar):
        first = player.made[frame][0]
        at = find_near(capture.sound, played, first, offset)
        if at is None:
            continue
        offset = at - first
        at_ns = capture.ns_at(at)
        number = max(n for n, line in enumerate(lines) if n == 0 or line.at_ns <= at_ns)
        since, before = (since + 1, before) if number == before else (0, number)
        line, half = lines[number], BEATS_PER_BAR / 2
        beats = (line.beat_at(at_ns) + half) % BEATS_PER_BAR - half
        found.append(_Bar(beats * 60_000 / line.bpm, since if number else SETTLED_BARS))
    return found
