"""Tempo from outside: a running MIDI clock sets the tempo of the next clip."""

from __future__ import annotations

from typing import Final

from mula_bridge.messages import Emit, Origin, SetKnob
from mula_bridge.midi_clock import ClockNews

STEP_BPM: Final = 0.1
"""Tempi are taken in these steps: a clock that wobbles by less does not move the knob."""


class ClockTempo:
    """Turns the knob ``bpm`` when the clock's tempo has really changed. One thread."""

    def __init__(self, emit: Emit) -> None:
        self._emit = emit
        self._last: float | None = None

    def __call__(self, news: ClockNews) -> None:
        """Take the clock's news; a silent clock leaves the tempo where it was."""
        if news.bpm is None:
            self._last = None
            return
        if self._last is not None and abs(news.bpm - self._last) < 0.8 * STEP_BPM:
            return
        self._last = round(round(news.bpm / STEP_BPM) * STEP_BPM, 3)
        self._emit(SetKnob("bpm", self._last), Origin("midi", (news.port, "clock")))
