"""MIDI learn: who obeys, and what is said where there is no MIDI."""

from __future__ import annotations

import pytest

from mula_bridge.control.messages.commands import LearnKnob, StopLearning
from mula_bridge.control.messages.origin import DAEMON
from mula_bridge.errors import Unavailable
from mula_daemon.app.learning import Learning


class FakeLearner:
    """Notes what it is asked for."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    def learn(self, knob: str) -> None:
        self.calls.append(knob)

    def stop_learning(self) -> None:
        self.calls.append("stop")


def test_learning_goes_to_midi() -> None:
    learner = FakeLearner()
    learning = Learning(learner)  # type: ignore[arg-type]
    learning.handle(LearnKnob("cfg"), DAEMON)
    learning.handle(StopLearning(), DAEMON)
    assert learner.calls == ["cfg", "stop"]


def test_without_midi_it_is_refused_with_the_remedy() -> None:
    with pytest.raises(Unavailable, match="start with --midi"):
        Learning(None).handle(LearnKnob("cfg"), DAEMON)
