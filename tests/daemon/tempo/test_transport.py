"""The commands about time, against a real clock: tempi are high, so that bars are short."""

from __future__ import annotations

from collections.abc import Iterator
from queue import Empty, SimpleQueue
from time import perf_counter_ns

import pytest

from mula_bridge.control.messages.commands import (
    ChooseClock,
    Command,
    Generate,
    Panic,
    Quantised,
    SetKnob,
    StartTransport,
    StopTransport,
    TempoCommand,
)
from mula_bridge.control.messages.origin import Origin
from mula_bridge.control.messages.reports import Beat, ClockChanged, Failed, Report
from mula_bridge.control.messages.states import Clock
from mula_bridge.errors import BadInput
from mula_daemon.session.publisher import Publisher
from mula_daemon.tempo.conductor import CLOCK, Conductor
from mula_daemon.tempo.timeline import Timeline
from mula_daemon.tempo.transport import Transport

ME = Origin("osc", ("127.0.0.1", 1), address="/mula/here")
LATE_NS = 200_000_000
"""A starved machine may be late; early it must never be."""


class Rig:
    def __init__(self) -> None:
        self.conductor = Conductor(600.0)  # a beat is 100 ms
        self.published: list[tuple[Report, Origin | None]] = []
        self.emitted: SimpleQueue[tuple[Command, Origin, int]] = SimpleQueue()
        self.posted: SimpleQueue[Beat | ClockChanged | Failed] = SimpleQueue()
        self.ahead_ns = 0
        publisher = Publisher()
        publisher.listen(self)
        self.transport = Transport(
            self.conductor,
            self,
            publisher.publish,
            lambda: self.ahead_ns,  # type: ignore[arg-type]
        )

    def report(self, report: Report, *, to: Origin | None, but: Origin | None) -> None:
        self.published.append((report, to))

    # --- a mailbox

    def post(self, event: Beat | ClockChanged | Failed) -> None:
        self.posted.put(event)

    def pass_on(self, command: Command, origin: Origin) -> None:
        self.emitted.put((command, origin, perf_counter_ns()))

    def send(self, command: TempoCommand) -> None:
        self.transport.handle(command, ME)


@pytest.fixture
def rig() -> Iterator[Rig]:
    rig = Rig()
    rig.transport.start()
    yield rig
    rig.transport.stop()


def test_start_and_stop_move_the_song_and_everyone_hears(rig: Rig) -> None:
    rig.send(StartTransport())
    assert rig.conductor.timeline.playing
    rig.send(StopTransport())
    told = [rig.posted.get(timeout=5) for _ in range(2)]
    clocks = [report.playing for report in told if isinstance(report, ClockChanged)]
    assert clocks[:1] == [True]


def test_beats_are_told_as_musicians_count_them(rig: Rig) -> None:
    rig.conductor.set_bpm(300.0)
    rig.send(StartTransport())
    beats: list[tuple[int, int]] = []
    while len(beats) < 6:
        report = rig.posted.get(timeout=5)
        if isinstance(report, Beat) and report.playing:
            beats.append((report.bar, report.beat))
    assert beats == [(1, 1), (1, 2), (1, 3), (1, 4), (2, 1), (2, 2)]


@pytest.mark.parametrize("beats", [1, 4])
def test_a_quantised_trigger_comes_on_the_beat(rig: Rig, beats: int) -> None:
    now = perf_counter_ns()
    due = rig.conductor.timeline.next(beats, now)
    rig.send(Quantised(Generate("a"), beats))
    command, origin, at_ns = rig.emitted.get(timeout=5)
    assert (command, origin) == (Generate("a"), ME)
    assert (at_ns - due) % round(beats * 1e8) < LATE_NS
    assert at_ns >= due


def test_off_does_not_wait(rig: Rig) -> None:
    rig.send(Quantised(Generate("a"), 0))
    assert rig.emitted.get(timeout=5)[0] == Generate("a")


def test_what_waits_comes_early_by_the_lead_over_the_ear(rig: Rig) -> None:
    rig.conductor.set_bpm(60.0)
    rig.send(StartTransport())
    rig.ahead_ns = 900_000_000
    due = rig.conductor.timeline.ns_at(1)
    rig.send(Quantised(SetKnob("cfg", 3.0), 1))
    _, _, at_ns = rig.emitted.get(timeout=5)
    assert at_ns < due


def test_a_start_makes_new_bars_for_what_waits(rig: Rig) -> None:
    rig.send(StartTransport())
    rig.send(Quantised(Generate("a"), 256))
    rig.send(Quantised(Generate("b"), 2))
    rig.send(StartTransport())
    due = rig.conductor.timeline.ns_at(2)
    command, _, at_ns = rig.emitted.get(timeout=5)
    assert command == Generate("b")
    assert at_ns >= due


def test_panic_forgets_what_waits_and_is_left_to_the_others(rig: Rig) -> None:
    rig.send(Quantised(Generate("a"), 4))
    rig.transport.hush(Panic())
    with pytest.raises(Empty):
        rig.emitted.get(timeout=0.5)


def test_the_clock_can_be_asked_for_and_chosen(rig: Rig) -> None:
    rig.send(ChooseClock(None))
    rig.send(ChooseClock("midi"))
    sources = [(report.source, to) for report, to in rig.published if hasattr(report, "source")]
    assert sources == [("auto", ME), ("midi", ME)]
    with pytest.raises(BadInput):
        rig.send(ChooseClock("sundial"))
    rig.transport.dump(ME)
    assert rig.published[-1] == (rig.conductor.state, ME)


def test_the_tempo_knob_follows_who_leads(rig: Rig) -> None:
    rig.conductor.hear(Clock.MIDI, Timeline(90.02, 0, perf_counter_ns()), "Box")
    command, origin, _ = rig.emitted.get(timeout=5)
    assert (command, origin) == (SetKnob("bpm", 90.0), CLOCK)
