"""A MIDI clock's messages, through the reader of clocks, to the conductor's timeline."""

from __future__ import annotations

from random import Random
from time import perf_counter_ns

import pytest

from mula_bridge.control.messages.states import Clock
from mula_bridge.midi.clock import SILENCE_NS, Clocks
from mula_daemon.tempo.conductor import Conductor
from mula_daemon.tempo.midi_tempo import MidiTempo

TICK, START, CONTINUE, STOP = b"\xf8", b"\xfa", b"\xfb", b"\xfc"


class Rig:
    """A clock box at a tempo, and who follows it; its time is its own."""

    def __init__(self, bpm: float, wobble_ns: int = 0) -> None:
        self.conductor = Conductor()
        self._tempo = MidiTempo(self.conductor)
        self._clocks = Clocks()
        self._tick_ns = 60e9 / 24 / bpm
        self._random, self._wobble_ns = Random(3), wobble_ns
        self.at_ns = float(perf_counter_ns())

    def say(self, data: bytes) -> None:
        at_ns = round(self.at_ns + self._random.uniform(0, self._wobble_ns))
        if news := self._clocks.hear("Box", data, at_ns):
            self._tempo(news)

    def tick(self, count: int) -> None:
        for _ in range(count):
            self.say(TICK)
            self.at_ns += self._tick_ns

    def silence(self) -> None:
        news = self._clocks.due(round(self.at_ns) + SILENCE_NS)
        assert news is not None
        self._tempo(news)


def test_it_leads_from_its_first_beat_on() -> None:
    rig = Rig(90)
    rig.say(START)
    rig.tick(24)
    assert rig.conductor.state.leader is Clock.INTERNAL
    rig.tick(1)
    assert rig.conductor.state.leader is Clock.MIDI
    assert rig.conductor.state.name == "Box"
    line = rig.conductor.timeline
    assert line.playing
    assert line.bpm == pytest.approx(90, abs=0.01)
    assert line.beat_at(round(rig.at_ns)) == pytest.approx(25 / 24, abs=0.001)


def test_wobble_is_averaged_out_of_the_beat() -> None:
    rig = Rig(120, wobble_ns=4_000_000)
    rig.say(START)
    rig.tick(24 * 16 + 1)
    error_ns = rig.conductor.timeline.ns_at(16) - (rig.at_ns - rig._tick_ns)
    assert 0 < error_ns < 4_000_000  # late by half of it on the average
    assert error_ns == pytest.approx(2_000_000, abs=500_000)


def test_stop_leaves_the_beat_running_and_a_start_is_beat_nought() -> None:
    rig = Rig(120)
    rig.say(START)
    rig.tick(49)
    rig.say(STOP)
    rig.tick(48)
    line = rig.conductor.timeline
    assert not line.playing
    assert line.beat_at(round(rig.at_ns)) == pytest.approx(97 / 24, abs=0.001)
    rig.say(START)
    rig.tick(1)
    line = rig.conductor.timeline
    assert line.playing
    assert line.beat_at(round(rig.at_ns)) == pytest.approx(1 / 24, abs=0.001)


def test_a_song_position_and_continue_go_on_from_there() -> None:
    rig = Rig(120)
    rig.say(START)
    rig.tick(30)
    rig.say(STOP)
    rig.say(bytes((0xF2, 32, 0)))  # 32 sixteenths: beat 8
    rig.say(CONTINUE)
    rig.tick(1)
    line = rig.conductor.timeline
    assert line.playing
    assert line.beat_at(round(rig.at_ns)) == pytest.approx(8 + 1 / 24, abs=0.001)


def test_ticks_without_a_song_lead_the_tempo_only() -> None:
    rig = Rig(100)
    before = rig.conductor.timeline
    rig.tick(25)
    line = rig.conductor.timeline
    assert (line.playing, line.bpm) == (False, pytest.approx(100, abs=0.01))
    assert line.beat_at(line.at_ns) == pytest.approx(before.beat_at(line.at_ns), abs=0.01)


def test_when_it_falls_silent_our_own_clock_goes_on_and_the_song_has_ended() -> None:
    rig = Rig(90)
    rig.say(START)
    rig.tick(97)
    line = rig.conductor.timeline
    rig.silence()
    assert rig.conductor.state.leader is Clock.INTERNAL
    own = rig.conductor.timeline
    assert (own.playing, own.bpm) == (False, 90.0)
    assert own.beat == pytest.approx(line.beat_at(own.at_ns), abs=0.01)
