from __future__ import annotations

import numpy as np
import pytest

from mula_bridge.errors import MulaError
from mula_daemon.audio.levels import loudness_lufs, to_dbfs
from mula_daemon.audio.samples import check_block
from support.takes import noise


def tone(seconds: float, rate: int = 48000) -> np.ndarray:
    """A stereo sine of 997 Hz at full scale, which BS.1770 says is 0 LUFS (mono: -3.01)."""
    wave = np.sin(2 * np.pi * 997 * np.arange(round(seconds * rate)) / rate)
    return np.stack([wave, wave], axis=1).astype(np.float32)


@pytest.mark.parametrize("rate", [44100, 48000])
@pytest.mark.parametrize("seconds", [0.1, 0.25, 0.399, 0.4, 0.401, 3.0])
def test_the_reference_tone_measures_as_the_standard_says(seconds: float, rate: int) -> None:
    assert loudness_lufs(tone(seconds, rate), rate) == pytest.approx(0.0, abs=0.15)


@pytest.mark.parametrize("sound", [np.zeros((48000, 2), np.float32), tone(0.001), tone(0)])
def test_what_cannot_be_measured_is_none(sound: np.ndarray) -> None:
    assert loudness_lufs(sound, 48000) is None


def test_peaks_are_decibels_and_silence_is_none() -> None:
    assert to_dbfs(1.0) == 0.0
    assert to_dbfs(0.5) == pytest.approx(-6.02, abs=0.01)
    assert to_dbfs(0.0) is None


def test_a_block_gives_its_peak() -> None:
    assert check_block(np.array([[0.25, -0.5]], np.float32), 2) == 0.5
    assert check_block(np.zeros((0, 2), np.float32), 2) == 0.0


@pytest.mark.parametrize(
    "block",
    [
        noise(4, 1),
        noise(4)[:, 0],
        noise(4).astype(np.float64),
        np.array([[np.nan, 0]], np.float32),
        np.array([[0, np.inf]], np.float32),
        np.array([[0, -np.inf]], np.float32),
    ],
)
def test_a_block_that_no_sink_can_take_is_refused(block: np.ndarray) -> None:
    with pytest.raises(MulaError, match="the engine sent"):
        check_block(block, 2)
