"""The faults that the tone engine plays: none unless it is told to."""

from __future__ import annotations

import pytest

from mula_daemon.engine.tone_faults import FRAME, VARIABLE, FaultPlayer


def test_without_the_variable_nothing_is_played() -> None:
    player = FaultPlayer({})
    player.start()
    for index in range(10):
        player.frame("fault: sticky", index)


@pytest.mark.parametrize("lyrics", ["", "la la", "fault: none such", "my fault: sticky"])
def test_other_lyrics_are_lyrics(lyrics: str) -> None:
    player = FaultPlayer({VARIABLE: "1"})
    player.start()
    player.frame(lyrics, FRAME)


def test_a_sticky_error_stays_whatever_is_asked_for() -> None:
    player = FaultPlayer({VARIABLE: "1"})
    player.frame("fault: sticky", FRAME - 1)
    with pytest.raises(RuntimeError, match="CUDA error"):
        player.frame("fault: sticky", FRAME)
    with pytest.raises(RuntimeError, match="CUDA error"):
        player.frame("", 0)


def test_takes_of_even_seeds_fall_silent() -> None:
    silences = FaultPlayer({VARIABLE: "1"}).silences
    assert silences("fault: silent", 2, FRAME) and not silences("fault: silent", 2, FRAME - 1)
    assert not silences("fault: silent", 3, FRAME) and not silences("", 2, FRAME)
    assert not FaultPlayer({}).silences("fault: silent", 2, FRAME)


def test_an_error_that_comes_once_goes() -> None:
    player = FaultPlayer({VARIABLE: "1"})
    with pytest.raises(RuntimeError):
        player.frame("fault: once", FRAME)
    player.frame("", 0)


def test_a_start_fails_when_it_is_asked_to() -> None:
    with pytest.raises(RuntimeError, match=VARIABLE):
        FaultPlayer({VARIABLE: "start"}).start()
