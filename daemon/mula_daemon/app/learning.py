"""The commands of MIDI learn."""

from __future__ import annotations

from typing import Never, assert_never, get_args

from mula_bridge.control.messages import LearnCommand, LearnKnob, Origin, StopLearning
from mula_bridge.errors import Unavailable
from mula_bridge.servers import MidiLearning
from mula_daemon.session import Handler


class Learning(Handler[LearnCommand, Never]):
    """Binds a MIDI control to a knob by touching it; ``midi`` None: MIDI is off."""

    commands = get_args(LearnCommand)

    def __init__(self, midi: MidiLearning | None) -> None:
        self._midi = midi

    def handle(self, command: LearnCommand, origin: Origin) -> None:
        """Obey. Raises UnknownName, Busy, and Unavailable where MIDI is off."""
        if self._midi is None:
            raise Unavailable("MIDI is off, so there is nothing to learn from; start with --midi")
        match command:
            case LearnKnob(name):
                self._midi.learn(name)
            case StopLearning():
                self._midi.stop_learning()
            case _:
                assert_never(command)
