"""``mula bench audition``: from a generate to the first sound of its take.

The daemon runs in this process on a JACK server without a sound card, its engine and its
audio interface in processes of their own, as always. Each round sends /mula/generate over
UDP and takes the moment at which the interface says the take's first sample is heard: its
own clock and buffers, not a capture at the port. Between rounds the deck is silent.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Sequence
from time import monotonic, perf_counter_ns, sleep
from typing import Final

from mula_bridge.api import OscClient
from mula_bridge.control.messages import (
    EngineChanged,
    EngineState,
    JobChanged,
    JobState,
    Origin,
    Report,
)
from mula_daemon.app import App, running
from mula_daemon.audition import ClipVoice
from mula_daemon.bench.figures import print_json, spread
from mula_daemon.bench.jack_dummy import jack_dummy
from mula_daemon.settings import load_config

GOAL_MS: Final = 400.0
_PATIENCE_S: Final = 60.0


class JobWatch:
    """A Listener that counts the jobs that ended, and knows when the engine is warm."""

    def __init__(self) -> None:
        self.ready = False
        self.done = 0

    def report(self, report: Report, *, to: Origin | None, but: Origin | None) -> None:
        """Take one report; session thread."""
        if isinstance(report, EngineChanged) and report.state is EngineState.READY:
            self.ready = True
        if isinstance(report, JobChanged) and report.state is JobState.DONE:
            self.done += 1


def main(argv: Sequence[str]) -> int:
    """Measure and print one JSON line."""
    made = argparse.ArgumentParser(prog="mula bench audition", description=__doc__)
    made.add_argument("--rounds", type=int, default=40)
    made.add_argument("--period", type=int, default=256, help="samples in a cycle of JACK")
    parsed = made.parse_args(argv)
    jobs = JobWatch()
    times: list[float] = []
    with jack_dummy(parsed.period) as jack, tempfile.TemporaryDirectory() as folder:
        config = load_config({"engine": "mini", "folder": folder, "audio": "jack"}).alone()
        with running(config, [jobs]) as app:
            assert app.osc_address is not None
            until(lambda: jobs.ready)
            with OscClient(*app.osc_address) as client:
                client.send("/mula/tags", "techno")
                client.send("/mula/knob/bars", 1)
                for number in range(parsed.rounds + 1):
                    milliseconds = first_sound_ms(app, client)
                    until(lambda: jobs.done > number)  # noqa: B023 - it is called right here
                    client.send("/mula/audition/stop")
                    until(lambda: app.speaker.voice is None)
                    if number:  # the first one also imports what is imported late
                        times.append(milliseconds)
            underruns = app.speaker.stats().underruns
        lost = jack.lost_ms()
    print_json(
        {
            "bench": "audition",
            "engine": "mini",
            "rounds": len(times),
            "first_sound_ms": spread(times, 50, 95, 99),
            "goal_p95_ms": GOAL_MS,
            "underruns": underruns,
            "jack_stood_still_ms": round(lost, 1),
            "limit": "60 ms of margin, the interface's buffer, and the engine's first frames",
        }
    )
    return 0


def first_sound_ms(app: App, client: OscClient) -> float:
    """Send a generate, and the time until its first sample is heard."""
    before = app.speaker.voice
    sent_ns = perf_counter_ns()
    client.send("/mula/generate")
    heard_ns: list[int] = []

    def heard() -> bool:
        voice = app.speaker.voice
        if voice is before or not isinstance(voice, ClipVoice) or not voice.taken:
            return False
        at_ns = voice.heard_ns(0)
        if at_ns is not None:
            heard_ns.append(at_ns)
        return at_ns is not None

    until(heard)
    return (heard_ns[0] - sent_ns) / 1e6


def until(true: Callable[[], object]) -> None:
    """Wait for it, polling."""
    end = monotonic() + _PATIENCE_S
    while not true():
        assert monotonic() < end, "it never came"
        sleep(0.002)
