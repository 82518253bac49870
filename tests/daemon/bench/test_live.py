"""A short version of the long test of live play, and of knob to ear, on a real JACK server."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator

import pytest

from mula_daemon.bench import bars, latency, live
from support.jack_server import why_no_jack

pytestmark = [
    pytest.mark.jack,
    pytest.mark.slow,
    pytest.mark.skipif(bool(why_no_jack()), reason=why_no_jack() or "jack"),
]
ROOMY = ("--engine", "tone", "--period", "1024", "--buffer", "200", "--lead", "400")
"""Not for speed: the machine that runs the tests may be busy with other things."""


@pytest.fixture(autouse=True)
def environment() -> Iterator[None]:
    """The benchmarks name their JACK server in the environment."""
    before = dict(os.environ)
    yield
    os.environ.clear()
    os.environ.update(before)


def test_what_is_played_live_is_heard_sample_for_sample(capsys: pytest.CaptureFixture[str]) -> None:
    live.main([*ROOMY, "--minutes", "0.1", "--clips", "1", "--messages", "500"])
    figures = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert figures["ended_by_itself"] == []
    assert figures["samples_compared"] > 48_000
    assert figures["knobs_heard"] > 20
    assert figures["messages_sent"] > 1000
    assert figures["memory_peak_mb"]["all"] > figures["memory_peak_mb"]["engine"] > 10
    if not figures["underruns_counted"]:
        assert figures["first_faults"] == []


def test_a_change_is_found_at_the_port_by_match_and_by_pitch(
    capsys: pytest.CaptureFixture[str],
) -> None:
    latency.main(["--audio", "--changes", "12", *ROOMY])
    figures = json.loads(capsys.readouterr().out.splitlines()[-1])
    if figures["underruns"]:
        pytest.skip("the machine was too busy to listen to")
    assert figures["found"] == 12
    for percentile in ("p50", "p95"):
        by_match = figures["knob_to_ear_ms"][percentile]
        assert by_match > 350
        assert abs(figures["by_pitch_ms"][percentile] - by_match) < 1.0


def test_bars_are_found_at_the_port_and_compared_with_the_sessions(
    capsys: pytest.CaptureFixture[str],
) -> None:
    bars.main(["--seconds", "16", "--every", "6", *ROOMY])
    figures = json.loads(capsys.readouterr().out.splitlines()[-1])
    if figures["underruns"]:
        pytest.skip("the machine was too busy to listen to")
    assert figures["found"] >= figures["bars"] >= 6
    assert figures["tempo_changes"] == 2
    # On top comes what a busy machine costs: time on JACK's clock, and periods it left out.
    slipped_ms = sum(figures["late_for_jack"].values()) * 1024 / 48
    assert figures["settled_off_ms"]["p50"] < 5 + figures["jack_lost_ms"] + slipped_ms
