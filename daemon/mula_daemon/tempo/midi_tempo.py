"""MIDI clock as a timeline: what the leading port's clock says, told to the conductor."""

from __future__ import annotations

from msgspec.structs import replace

from mula_bridge.control.messages import Clock
from mula_bridge.midi import ClockNews
from mula_daemon.tempo.conductor import Conductor
from mula_daemon.tempo.timeline import Timeline


class MidiTempo:
    """Follows the clock once its tempo is known, a beat after its first tick. One thread."""

    def __init__(self, conductor: Conductor) -> None:
        self._conductor = conductor
        self._line: Timeline | None = None

    def __call__(self, news: ClockNews) -> None:
        """Take the clock's news."""
        line = self._follow(news)
        if line is None and self._line is not None:
            # Its song has ended with it; tempo and beat go on.
            self._conductor.hear(Clock.MIDI, replace(self._line, playing=False), news.port)
        self._line = line
        self._conductor.hear(Clock.MIDI, line, news.port)

    def _follow(self, news: ClockNews) -> Timeline | None:
        if news.bpm is None:
            return None
        if news.running and news.at_ns is not None:
            return Timeline(news.bpm, news.beat, news.at_ns, playing=True)
        # It ticks without a place in a song: the beat goes on where it is.
        before = self._line or self._conductor.timeline
        at_ns = before.at_ns if news.at_ns is None else news.at_ns
        playing = before.playing and news.running
        return replace(before.at_tempo(news.bpm, at_ns), playing=playing)
