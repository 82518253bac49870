"""When the process with the MIDI ports is taken for one that hangs."""

from __future__ import annotations

from typing import cast

import pytest

from mula_bridge.midi.ports import LOOK_S, STALL_S, Connection, says_something


class Scripted:
    """A connection whose every look ends at once, as all do that a machine slept through."""

    def __init__(self, *looks: bool) -> None:
        self.looks = list(looks)

    def poll(self, seconds: float) -> bool:
        assert seconds == LOOK_S
        return self.looks.pop(0)


@pytest.mark.parametrize("silent", [0, 1, round(STALL_S / LOOK_S) - 1])
def test_a_process_that_speaks_within_its_looks_does_not_hang(silent: int) -> None:
    """However long each took: a machine that slept through one has not heard silence."""
    connection = Scripted(*[False] * silent, True)
    assert says_something(cast("Connection", connection), STALL_S)


def test_a_process_that_says_nothing_in_all_its_looks_hangs() -> None:
    connection = Scripted(*[False] * round(STALL_S / LOOK_S))
    assert not says_something(cast("Connection", connection), STALL_S)
    assert connection.looks == []
