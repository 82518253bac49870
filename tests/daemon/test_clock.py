from __future__ import annotations

import pytest

from mula_bridge.messages import Command, Origin, SetKnob
from mula_bridge.midi_clock import ClockNews
from mula_daemon.clock import ClockTempo


def tempi(*bpms: float | None) -> list[object]:
    sent: list[Command] = []

    def emit(command: Command, origin: Origin) -> None:
        sent.append(command)

    tempo = ClockTempo(emit)
    for bpm in bpms:
        tempo(ClockNews("box", bpm, 0.0, True))
    return [command.value for command in sent if isinstance(command, SetKnob)]


def test_a_wobble_moves_nothing_and_a_change_does() -> None:
    assert tempi(120.01, 119.98, 120.02, 119.97, 128.02) == [120.0, 128.0]


def test_a_slow_drift_is_followed() -> None:
    assert tempi(*(120 + step / 50 for step in range(26)))[-1] == pytest.approx(120.5, abs=0.1)


def test_a_clock_that_fell_silent_says_its_tempo_again_when_it_is_back() -> None:
    assert tempi(120.0, None, 120.0) == [120.0, 120.0]
