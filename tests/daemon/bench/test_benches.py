"""That the benchmarks run and end in one JSON line; their figures are nobody's test."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mula_daemon.bench.figures import percentile, spread
from mula_daemon.cli import main
from support.jack_server import why_no_jack

REFERENCE = Path(__file__).parents[2] / "data/heartmula_reference"


def last_line(capsys: pytest.CaptureFixture[str]) -> dict[str, object]:
    said = capsys.readouterr()
    assert said.out, said.err
    found = json.loads(said.out.splitlines()[-1])
    assert isinstance(found, dict)
    return found


def test_engine(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "engine", "--engine", "tone", "--bars", "1", "--takes", "2"]) == 0
    figures = last_line(capsys)
    assert figures["frames"] == 16
    assert figures["audio_s"] == 2.0
    assert set(figures) >= {"frame_ms", "sampling_ms", "rtf", "rtf_without_synthesis"}


def test_latency(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "latency", "--engine", "tone", "--seconds", "1"]) == 0
    figures = last_line(capsys)
    # A daemon that a busy machine holds up takes two moves at once, and only the newer counts.
    assert figures["knobs_lost"] <= figures["knobs"] / 4
    assert figures["pings_lost"] == 0
    assert set(figures) >= {"round_trip_ms", "knob_to_frame_ms", "frames_to_apply"}


@pytest.mark.slow
@pytest.mark.jack
@pytest.mark.skipif(bool(why_no_jack()), reason=why_no_jack() or "jack")
def test_audition(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "audition", "--rounds", "2"]) == 0
    figures = last_line(capsys)
    assert figures["rounds"] == 2
    assert set(figures) >= {"first_sound_ms", "goal_p95_ms", "underruns", "limit"}


@pytest.mark.slow
@pytest.mark.jack
@pytest.mark.skipif(bool(why_no_jack()), reason=why_no_jack() or "jack")
def test_heartmula_at_the_port_one_by_one_and_in_bursts(capsys: pytest.CaptureFixture[str]) -> None:
    toy = ["--engine", "heartmula", "--checkpoint", str(REFERENCE), "--changes", "4"]
    quick = ["--codec-stream", "context=4,steps=1,guidance=1"]
    status = main(["bench", "latency", "--audio", *toy, *quick])
    assert status in (0, 1)  # not all may be found on a busy machine
    figures = last_line(capsys)
    for way in ("one_by_one", "bursts"):
        figured = figures[way]
        assert isinstance(figured, dict) and figured["changes"] == 4
        assert set(figured) >= {"found", "knob_to_ear_ms", "where", "said"}
    parts = figures["bursts_not_computing_ms"]
    assert isinstance(parts, dict)
    assert parts["a_frame"] == 80.0
    assert parts["difference"] == pytest.approx(parts["measured"] - parts["added_up"], abs=0.11)


@pytest.mark.slow
def test_sound(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "sound", "--clips", "2", "--takes", "2", "--bars", "1"]) == 0
    figures = last_line(capsys)
    assert figures["clips"] == figures["exact"] == figures["in_key"] == figures["seamless"] == 2
    assert isinstance(figures["stems_error"], float) and figures["stems_error"] < 1e-5
    assert isinstance(figures["dbtp_max"], float) and figures["dbtp_max"] <= -0.9


@given(st.lists(st.floats(0, 1e6), min_size=1), st.floats(0, 100))
def test_a_percentile_is_one_of_the_values_and_has_its_share_below(
    values: list[float], percent: float
) -> None:
    found = percentile(values, percent)
    assert found in values
    assert sum(value <= found for value in values) * 100 >= percent * len(values) - 1e-6


def test_spread_names_its_percentiles() -> None:
    assert spread([1.0, 2.0, 3.0], 50, 99) == {"p50": 2.0, "p99": 3.0}
