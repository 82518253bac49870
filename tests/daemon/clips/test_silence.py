"""Where a sound is near-silent for long."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mula_daemon.clips.silence import LONGEST_S, SHORTEST_S, is_near_silent, long_silence
from support.takes import noise

RATE = 8000


def sound(seconds: float, *silences: tuple[float, float], level: float = 0.0) -> np.ndarray:
    made = noise(round(seconds * RATE))
    for begin, end in silences:
        made[round(begin * RATE) : round(end * RATE)] *= np.float32(level)
    return made


@pytest.mark.parametrize(
    ("seconds", "silence", "level", "is_long"),
    [
        (30.0, (12.0, 30.0), 0.0, True),
        (30.0, (12.0, 30.0), 0.0005, True),
        (30.0, (12.0, 30.0), 0.01, False),
        (30.0, (8.0, 12.5), 0.0, True),
        (30.0, (27.0, 30.0), 0.0, False),
        (30.0, (0.0, 5.0), 0.0, True),
        (8.0, (6.5, 8.0), 0.0, False),
        (8.0, (5.5, 8.0), 0.0, True),
        (2.0, (1.2, 2.0), 0.0, False),
    ],
)
def test_what_is_long(
    seconds: float, silence: tuple[float, float], level: float, is_long: bool
) -> None:
    found = long_silence(sound(seconds, silence, level=level), RATE)
    assert (found is not None) is is_long
    if found is not None:
        assert found == pytest.approx(silence, abs=0.021)


def test_of_several_the_longest_counts() -> None:
    found = long_silence(sound(40.0, (2.0, 7.0), (20.0, 29.0), (35.0, 40.0)), RATE)
    assert found == pytest.approx((20.0, 29.0), abs=0.021)


@given(st.floats(1.0, 60.0), st.floats(0.0, 1.0), st.floats(0.0, 1.0))
def test_a_stretch_is_within_the_sound_and_long(seconds: float, one: float, other: float) -> None:
    begin, end = sorted((one * seconds, other * seconds))
    made = np.ones((round(seconds * 100), 2), np.float32)
    made[round(begin * 100) : round(end * 100)] = 0.0
    found = long_silence(made, 100)
    if end - begin > LONGEST_S + 0.1:
        assert found is not None
    if end - begin < SHORTEST_S - 0.1:
        assert found is None
    if found is not None:
        assert 0.0 <= found[0] < found[1] <= seconds + 0.01


def test_nothing_and_silence_are_near_silent() -> None:
    assert is_near_silent(np.zeros((0, 2), np.float32))
    assert is_near_silent(np.full((5, 2), -0.0009, np.float32))
    assert not is_near_silent(np.full((5, 2), -0.0011, np.float32))
