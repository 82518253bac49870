"""Which bars a capture has: whole ones, the newest that have been heard to their end."""

from __future__ import annotations

from copy import copy

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mula_bridge.errors import Unavailable
from mula_daemon.audio.samples import Samples
from mula_daemon.engine.seam import Frame, FrameKnobs
from mula_daemon.live.played import Played, Stretch

PER_BAR, SIZE = 4, 10
KEPT = 33 * PER_BAR + 32
"""Frames that are kept of those that follow the beat: a bar more than may be captured, and
those that may not have been heard."""
SLOW = 1.32
"""Seconds of a frame that follows no beat, so that 132 are 100 frames."""
KEPT_SLOW = 100 + 32


def sound(index: int) -> Samples:
    return np.full((SIZE, 2), index + 1, np.float32)


def played(frames: int, *, on_beat: bool = True) -> Played:
    played = Played(PER_BAR) if on_beat else Played(0, frame_seconds=SLOW)
    for index in range(frames):
        played.add(Frame("live1", index, 0, ((index,),), FrameKnobs(), 0), sound(index))
    return played


def holds(stretch: Stretch, first: int, last: int, frames: int) -> None:
    """``stretch`` has the frames from ``first`` to before ``last``, of ``frames`` made."""
    assert [frame.frame.index for frame in stretch.frames] == list(range(first, last))
    assert [frame.first for frame in stretch.frames] == [SIZE * n for n in range(first, last)]
    assert stretch.length == (last - first) * SIZE
    after = sound(last) if last < frames else sound(last)[:0]
    np.testing.assert_array_equal(stretch.after, after)


@given(st.integers(0, 220), st.integers(1, 32), st.integers(0, 2300))
@example(frames=KEPT + 1, count=32, heard=(KEPT - 32) * SIZE)
@example(frames=KEPT + 4, count=32, heard=32 * PER_BAR * SIZE)
@example(frames=KEPT + 2, count=32, heard=8 * SIZE)
@example(frames=KEPT + 2, count=32, heard=8 * SIZE - 1)
@example(frames=8, count=1, heard=8 * SIZE)
@example(frames=KEPT + 2, count=1, heard=3 * SIZE)
@example(frames=KEPT + 261, count=1, heard=264 * SIZE)
def test_a_capture_is_the_newest_whole_bars_before_what_is_heard(
    frames: int, count: int, heard: int
) -> None:
    ended = min(heard // SIZE, frames) // PER_BAR
    oldest = -(-max(0, frames - KEPT) // PER_BAR)
    bars = min(count, ended - oldest)
    if bars <= 0:
        with pytest.raises(Unavailable, match="not one bar"):
            played(frames).bars(count, heard)
        return
    stretch = played(frames).bars(count, heard)
    assert (stretch.bars, type(stretch.bars)) == (bars, int)
    assert stretch.bpm is None
    holds(stretch, (ended - bars) * PER_BAR, ended * PER_BAR, frames)


@given(st.integers(0, 160), st.integers(1, 8), st.floats(1, 200), st.integers(0, 1700))
@example(frames=8, count=2, bar=40.0, heard=80)
@example(frames=8, count=3, bar=40.0, heard=79)
@example(frames=8, count=3, bar=35.0, heard=80)
@example(frames=KEPT_SLOW + 4, count=2, bar=20.0, heard=80)
@example(frames=KEPT_SLOW + 4, count=1, bar=20.0, heard=50)
def test_without_a_beat_it_is_bars_of_a_tempo_that_end_with_what_is_heard(
    frames: int, count: int, bar: float, heard: int
) -> None:
    ended = min(heard // SIZE, frames)
    oldest = max(0, frames - KEPT_SLOW)
    possible = [
        (bars, begin // SIZE)
        for bars in range(1, count + 1)
        if (begin := ended * SIZE - round(bars * bar)) >= oldest * SIZE
    ]
    if not possible:
        with pytest.raises(Unavailable, match="not one bar"):
            played(frames, on_beat=False).newest(count, bar, 120.0, heard)
        return
    stretch = played(frames, on_beat=False).newest(count, bar, 120.0, heard)
    bars, first = possible[-1]
    assert (stretch.bars, stretch.bpm) == (bars, 120.0)
    holds(stretch, first, ended, frames)


@pytest.mark.parametrize("frames", [0, 1, 5, KEPT, KEPT + 3])
def test_where_a_frame_begins_is_known_of_those_that_are_here_and_of_the_next(frames: int) -> None:
    oldest = max(0, frames - KEPT)
    here = played(frames)
    for index in (0, 1, oldest - 1, oldest, oldest + 1, frames - 1, frames, frames + 1):
        known = oldest <= index <= frames
        assert here.first_of(index) == (SIZE * index if known else None), index
    for index in (0, oldest, oldest + 1, frames - 1, frames):
        since = [frame.frame.index for frame in here.since(index)]
        assert since == list(range(max(index, oldest), frames))


def test_a_capture_has_the_length_it_is_asked_for() -> None:
    """Bars of a tempo are no whole number of samples, and what follows may not be made yet."""
    whole = np.concatenate([sound(index) for index in range(6)])
    stretch = played(5).bars(1, 4 * SIZE)
    for length in (39, 40, 41, 50):
        np.testing.assert_array_equal(stretch.samples(length), whole[:length])
    padded = np.concatenate([whole[: 5 * SIZE], np.zeros((64, 2), np.float32)])
    np.testing.assert_array_equal(stretch.samples(114), padded)
    assert stretch.samples(114).dtype == np.float32


def test_what_was_played_stays_as_it_is_and_is_equal_to_nothing_else() -> None:
    """Comparing sounds would be slow at best, and an error for more than one sample."""
    stretch = played(5).bars(1, 4 * SIZE)
    for one, field in ((stretch, "bars"), (stretch.frames[0], "first")):
        assert copy(one) != one
        with pytest.raises(AttributeError):
            setattr(one, field, 3)
