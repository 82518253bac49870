from __future__ import annotations

import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mula_bridge.errors import Unavailable
from mula_daemon.audio.converter import Converter
from mula_daemon.audio.samples import Samples
from support.takes import blocks, noise


def convert(converter: Converter, sound: Samples, size: int) -> Samples:
    pieces = list(blocks(sound, size))
    return np.concatenate([converter.convert(p, last=p is pieces[-1]) for p in pieces])


def test_equal_rates_pass_sample_for_sample() -> None:
    sound = noise(5000)
    np.testing.assert_array_equal(convert(Converter(48000, 2, 48000, 2), sound, 700), sound)


@settings(max_examples=25)
@given(st.integers(2000, 30000), st.integers(100, 5000), st.sampled_from([44100, 48000, 96000]))
def test_another_rate_keeps_the_length_whatever_the_blocks(
    frames: int, size: int, to_rate: int
) -> None:
    heard = convert(Converter(32000, 2, to_rate, 2), noise(frames), size)
    assert abs(len(heard) - frames * to_rate / 32000) <= 1


def test_a_tone_is_the_same_tone_at_another_rate() -> None:
    seconds = np.arange(48000) / 48000
    tone = np.sin(2 * np.pi * 1000 * seconds).astype(np.float32)[:, np.newaxis]
    heard = convert(Converter(48000, 1, 44100, 2), tone, 1920)
    expected = np.sin(2 * np.pi * 1000 * np.arange(len(heard)) / 44100)
    middle = slice(2000, -2000)
    for channel in heard.T:
        np.testing.assert_allclose(channel[middle], expected[middle], atol=1e-3)


@pytest.mark.parametrize(
    ("channels", "to_channels", "expected"),
    [
        (1, 2, [[1, 1]]),
        (2, 2, [[1, 3]]),
        (4, 2, [[1, 3]]),
        (1, 1, [[1]]),
        (2, 1, [[2]]),
    ],
)
def test_channels_are_mapped(channels: int, to_channels: int, expected: list[list[int]]) -> None:
    sound = np.array([[1, 3, 5, 7]], np.float32)[:, :channels]
    converter = Converter(48000, channels, 48000, to_channels)
    np.testing.assert_array_equal(converter.convert(sound), np.array(expected, np.float32))


def test_without_soxr_the_remedy_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "soxr", None)
    with pytest.raises(Unavailable, match=r"48000 Hz.*install soxr"):
        Converter(48000, 2, 44100, 2)
