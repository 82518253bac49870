from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from mula_daemon.live.voice import LiveVoice
from support.takes import noise

RATE = 48_000


def fed() -> tuple[LiveVoice, list[tuple[int, int]]]:
    """A voice, and what it told of the time at which its samples are heard."""
    moved: list[tuple[int, int]] = []
    return LiveVoice(RATE, lambda sample, at_ns: moved.append((sample, at_ns))), moved


@given(st.lists(st.integers(1, 900), max_size=8), st.lists(st.integers(1, 900), max_size=20))
def test_what_is_read_is_what_was_written_however_it_is_cut(
    blocks: list[int], reads: list[int]
) -> None:
    (voice, _), sound = fed(), noise(sum(blocks))
    start = 0
    for size in blocks:
        voice.write(sound[start : start + size])
        start += size
    voice.finish()
    heard = np.concatenate([np.empty((0, 2), np.float32)] + [voice.read(n, 0) for n in reads])
    np.testing.assert_array_equal(heard, sound[: sum(reads)])
    assert voice.ended == (sum(reads) >= sum(blocks))
    assert voice.taken == min(sum(blocks), sum(reads))


def test_it_knows_when_each_sample_is_heard() -> None:
    voice, _ = fed()
    assert voice.heard_ns(0) is None
    voice.write(noise(4800))
    voice.read(960, 1_000_000)
    assert voice.heard_ns(0) == 1_000_000
    assert voice.heard_ns(2400) == 1_000_000 + 50_000_000
    voice.read(960, 900_000_000)
    assert voice.heard_ns(960) == 900_000_000


def test_what_comes_too_late_is_dropped_and_the_rest_stays_in_its_place() -> None:
    voice, moved = fed()
    voice.write(noise(1440)[:480])
    assert len(voice.read(960, 0)) == 480
    voice.write(noise(1440)[480:])
    np.testing.assert_array_equal(voice.read(480, 20_000_000), noise(1440)[960:])
    assert moved == [(0, 0)]  # which is where it was expected


def test_a_change_of_the_time_is_told_and_a_little_one_is_not() -> None:
    voice, moved = fed()
    voice.write(noise(4800))
    for at_ns in (0, 10_200_000, 25_000_000):
        voice.read(480, at_ns)
    assert moved == [(0, 0), (960, 25_000_000)]


def test_once_it_is_retired_nothing_is_written_or_read() -> None:
    voice, _ = fed()
    voice.write(noise(4800))
    voice.retire()
    voice.write(noise(100))
    assert voice.ended
    assert voice.written == 4800
    assert not len(voice.read(100, 0))
