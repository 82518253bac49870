"""Beats found in drums that were laid down to a plan: librosa itself, no stand-in."""

from __future__ import annotations

import numpy as np
import pytest

from mula_daemon.beats import grid, tracker
from mula_daemon.beats.grid import BeatGrid
from support.drums import RATE, drums, steady

pytestmark = pytest.mark.librosa

SECONDS = 16.0


def found(times: list[float], asked: float, noise: float = 0.0) -> BeatGrid | None:
    return grid.best(tracker.track(drums(times, SECONDS, noise=noise), RATE, asked))


@pytest.mark.parametrize("bpm", [70.0, 93.3, 120.0, 133.7, 174.0])
@pytest.mark.parametrize("noise", [0.0, 0.02])
def test_tempo_beat_and_bar_of_a_steady_take(bpm: float, noise: float) -> None:
    line = found(steady(bpm, 0.37, SECONDS), bpm * 1.02, noise)
    assert line is not None
    assert line.problem == ""
    assert line.bpm == pytest.approx(bpm, abs=0.1)
    bar = (line.first + line.bar * line.period - 0.37) / (4 * line.period)
    assert abs(bar - round(bar)) * 4 * line.period < 0.015
    assert line.drift_rms < 0.01


@pytest.mark.parametrize("asked", [60.0, 120.0, 140.0])
def test_a_tempo_is_the_octave_that_was_asked_for(asked: float) -> None:
    """Beats at 120 are quarters to who asked for 140, and eighths to who asked for 60."""
    line = found(steady(120.0, 0.2, SECONDS), asked)
    assert line is not None
    assert line.bpm == pytest.approx(60.0 if asked == 60.0 else 120.0, abs=0.1)


@pytest.mark.parametrize("by", [0.06, 0.3])
def test_a_tempo_that_wanders_is_reported_and_not_hidden(by: float) -> None:
    times, now = [], 0.3
    while now < SECONDS - 0.3:
        times.append(now)
        now += 0.5 * (1 + by * np.sin(now / 3))
    line = found(times, 120.0)
    assert line is not None
    assert line.drift_largest > 0.03
    assert bool(line.problem) == (by > 0.1)


@pytest.mark.parametrize("level", [0.0, 1e-5])
def test_silence_has_no_beats(level: float) -> None:
    sound = np.full((round(4 * RATE), 2), level, np.float32)
    assert tracker.track(sound, RATE, 120.0) == ()


def test_noise_is_no_steady_beat() -> None:
    noise = np.random.default_rng(0).standard_normal((round(8 * RATE), 2)).astype(np.float32)
    line = grid.best(tracker.track(noise * 0.1, RATE, 120.0))
    assert line is None or line.problem


def test_too_little_sound_has_no_beats() -> None:
    assert tracker.track(drums([0.1, 0.6], 1.0), RATE, 120.0) == ()
