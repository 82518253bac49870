"""``mula bench audition``: from a generate to the first sound of its take.

The daemon runs in this process on a JACK server without a sound card, its engine and its
audio interface in processes of their own, as always. Each round sends /mula/generate over
UDP and takes the moment at which the interface says the take's first sample is heard: its
own clock and buffers, not a capture at the port. Between rounds the deck is silent.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from time import perf_counter_ns
from typing import Final

from mula_bridge.api import OscClient
from mula_bridge.control.messages import JobState
from mula_daemon.audition import ClipVoice
from mula_daemon.bench.figures import print_json, spread
from mula_daemon.bench.live_player import LivePlayer, live_player
from mula_daemon.bench.waiting import wait_for

GOAL_MS: Final = 400.0


def main(argv: Sequence[str]) -> int:
    """Measure and print one JSON line."""
    made = argparse.ArgumentParser(prog="mula bench audition", description=__doc__)
    made.add_argument("--rounds", type=int, default=40)
    made.add_argument("--period", type=int, default=256, help="samples in a cycle of JACK")
    parsed = made.parse_args(argv)
    times: list[float] = []
    with live_player("mini", parsed.period, {}) as player:
        address = player.app.osc_address
        assert address is not None
        with OscClient(*address) as client:
            client.send("/mula/tags", "techno")
            client.send("/mula/knob/bars", 1)
            for number in range(parsed.rounds + 1):
                milliseconds = first_sound_ms(player, client)
                if number:  # the first one also imports what is imported late
                    times.append(milliseconds)
        underruns = player.app.speaker.stats().underruns
        lost = player.server.lost_ms()
    print_json(
        bench="audition",
        engine="mini",
        rounds=len(times),
        first_sound_ms=spread(times, 50, 95, 99),
        goal_p95_ms=GOAL_MS,
        underruns=underruns,
        jack_stood_still_ms=round(lost, 1),
        limit="60 ms of margin, the interface's buffer, and the engine's first frames",
    )
    return 0


def first_sound_ms(player: LivePlayer, client: OscClient) -> float:
    """Send a generate, and the time until its first sample is heard. Leaves the deck silent."""
    speaker, done = player.app.speaker, player.notes.count(JobState.DONE)
    before = speaker.voice
    sent_ns = perf_counter_ns()
    client.send("/mula/generate")

    def heard_ns() -> int | None:
        voice = speaker.voice
        if voice is before or not isinstance(voice, ClipVoice) or not voice.taken:
            return None
        return voice.heard_ns(0)

    first_ns = wait_for(heard_ns, "the take was not heard", every_s=0.002)
    assert first_ns is not None
    wait_for(lambda: player.notes.count(JobState.DONE) > done, "the job did not end")
    client.send("/mula/audition/stop")
    wait_for(lambda: speaker.voice is None, "the take did not stop")
    return (first_ns - sent_ns) / 1e6
