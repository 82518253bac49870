"""Which bars a capture has: whole ones, the newest that have been heard to their end."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mula_bridge.errors import Unavailable
from mula_daemon.engine.seam import Frame, FrameKnobs
from mula_daemon.live.played import Played
from support.takes import noise

PER_BAR, SIZE = 4, 10


def played(frames: int) -> Played:
    played = Played(PER_BAR)
    for index in range(frames):
        played.add(Frame("live1", index, 0, ((index,),), FrameKnobs(), 0), noise(SIZE, seed=index))
    return played


@given(st.integers(0, 40), st.integers(1, 8), st.integers(0, 420))
def test_a_capture_is_the_newest_whole_bars_before_what_is_heard(
    frames: int, count: int, heard: int
) -> None:
    ended = min(heard // SIZE, frames) // PER_BAR
    if not ended:
        with pytest.raises(Unavailable, match="not one bar"):
            played(frames).bars(count, heard)
        return
    stretch = played(frames).bars(count, heard)
    bars = min(count, ended)
    first, last = (ended - bars) * PER_BAR, ended * PER_BAR
    assert stretch.bars == bars
    assert [frame.frame.index for frame in stretch.frames] == list(range(first, last))
    assert len(stretch.after) == (SIZE if last < frames else 0)
    assert stretch.length == bars * PER_BAR * SIZE
