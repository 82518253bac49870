from __future__ import annotations

from time import perf_counter_ns

import pytest

from mula_bridge.control.messages.reports import ClockChanged
from mula_bridge.control.messages.states import Clock
from mula_bridge.errors import BadInput, Unavailable
from mula_daemon.tempo.conductor import Conductor
from mula_daemon.tempo.timeline import Timeline


class FakeLink:
    """A Link session of one who only takes orders."""

    def __init__(self) -> None:
        self.orders: list[object] = []

    def join(self) -> None:
        self.orders.append("join")

    def leave(self) -> None:
        self.orders.append("leave")

    def set_bpm(self, bpm: float) -> None:
        self.orders.append(bpm)

    def start(self) -> None:
        self.orders.append("start")

    def stop_playing(self) -> None:
        self.orders.append("stop")


def line(bpm: float, beat: float = 0.0, *, playing: bool = True) -> Timeline:
    return Timeline(bpm, beat, perf_counter_ns(), playing)


def test_beats_are_counted_before_anybody_starts() -> None:
    timeline = Conductor().timeline
    assert (timeline.bpm, timeline.playing) == (120.0, False)
    assert timeline.next(4, perf_counter_ns()) > 0


def test_a_start_is_beat_nought_of_now() -> None:
    conductor = Conductor(60.0)
    before = perf_counter_ns()
    conductor.start()
    timeline = conductor.timeline
    assert timeline.playing
    assert timeline.beat_at(before) <= 0 <= timeline.beat_at(perf_counter_ns())
    conductor.stop()
    assert conductor.timeline == Timeline(60.0, timeline.beat, timeline.at_ns, playing=False)


def test_bar_lines_hold_while_the_transport_runs_and_always_with_link() -> None:
    conductor = Conductor()
    assert conductor.bars is None
    conductor.start()
    assert conductor.bars == conductor.timeline
    conductor.stop()
    assert conductor.bars is None
    shared = line(100, playing=False)  # most programs share no start and stop
    conductor.hear(Clock.LINK, shared, "1 peer")
    assert conductor.bars == shared
    conductor.hear(Clock.LINK, None)
    conductor.hear(Clock.MIDI, line(100, playing=False), "Box")
    assert conductor.bars is None


def test_a_new_tempo_does_not_move_the_beat() -> None:
    conductor = Conductor(120.0)
    old = conductor.timeline
    assert conductor.set_bpm(60.0) == 60.0
    new = conductor.timeline
    assert new.bpm == 60.0
    assert new.beat == pytest.approx(old.beat_at(new.at_ns))


def test_link_goes_before_midi_and_midi_before_our_own() -> None:
    conductor = Conductor()
    leaders = []
    conductor.listen(lambda: leaders.append(conductor.state.leader))
    conductor.hear(Clock.MIDI, line(90), "Box")
    conductor.hear(Clock.LINK, line(100), "1 peer")
    assert conductor.state == ClockChanged("auto", Clock.LINK, "1 peer", 100.0, True)
    conductor.hear(Clock.MIDI, line(91), "Box")
    assert conductor.timeline.bpm == 100
    conductor.hear(Clock.LINK, None)
    conductor.hear(Clock.MIDI, None)
    assert leaders == [Clock.MIDI, Clock.LINK, Clock.LINK, Clock.MIDI, Clock.INTERNAL]


def test_our_own_clock_goes_on_where_the_leader_left_off() -> None:
    conductor = Conductor()
    last = line(99.97, beat=17.0)
    conductor.hear(Clock.MIDI, last, "Box")
    conductor.hear(Clock.MIDI, None)
    own = conductor.timeline
    assert own.bpm == 100.0
    assert own.beat == pytest.approx(last.beat_at(own.at_ns))


def test_one_clock_can_be_chosen() -> None:
    conductor = Conductor()
    conductor.hear(Clock.LINK, line(100), "1 peer")
    conductor.hear(Clock.MIDI, line(90), "Box")
    conductor.choose("MIDI")
    assert conductor.state.leader is Clock.MIDI
    conductor.choose("internal")
    assert conductor.state == ClockChanged("internal", Clock.INTERNAL, "", 90.0, True)
    conductor.choose("auto")
    assert conductor.state.leader is Clock.LINK
    with pytest.raises(BadInput, match="auto, link, midi, internal"):
        conductor.choose("sundial")


@pytest.mark.parametrize("in_auto", [True, False])
def test_link_is_joined_only_when_it_is_asked_for(in_auto: bool) -> None:
    conductor, link = Conductor(), FakeLink()
    conductor.offer_link(link, in_auto=in_auto)
    for source in ("auto", "link", "midi", "internal"):
        conductor.choose(source)
    assert link.orders == ["join" if in_auto else "leave", "join", "leave", "leave"]


def test_without_link_it_cannot_be_chosen() -> None:
    conductor = Conductor()
    with pytest.raises(Unavailable, match="without Ableton Link"):
        conductor.choose("link")
    assert conductor.source == "auto"


def test_links_tempo_and_transport_are_everybodys() -> None:
    conductor, link = Conductor(), FakeLink()
    conductor.offer_link(link, in_auto=True)
    conductor.hear(Clock.LINK, line(100, playing=False), "1 peer")
    assert conductor.set_bpm(101.0) == 101.0
    conductor.start()
    conductor.stop()
    assert link.orders == [101.0, "start", "stop"]
    assert conductor.timeline.bpm == 101.0


def test_a_midi_clock_keeps_its_tempo_and_starts_by_itself() -> None:
    conductor = Conductor()
    conductor.hear(Clock.MIDI, line(90), "Box")
    assert conductor.set_bpm(120.0) == 90.0
    assert conductor.timeline.bpm == 90.0
    with pytest.raises(Unavailable, match="MIDI clock of Box leads"):
        conductor.start()


def shown(clock: Clock, *bpms: float) -> list[float]:
    conductor, seen = Conductor(100.0), [100.0]
    for bpm in bpms:
        conductor.hear(clock, line(bpm), "x")
        if conductor.state.bpm != seen[-1]:
            seen.append(conductor.state.bpm)
    return seen[1:]


def test_a_wobble_shows_nothing_and_a_change_does() -> None:
    assert shown(Clock.MIDI, 120.01, 119.98, 120.02, 119.97, 128.02) == [120.0, 128.0]
    assert shown(Clock.LINK, 132.99995, 133.0, 133.5) == [133.0, 133.5]


def test_a_slow_drift_is_followed() -> None:
    drift = shown(Clock.MIDI, *(120 + step / 50 for step in range(26)))
    assert drift[-1] == pytest.approx(120.5, abs=0.1)


def test_a_tempo_no_knob_can_have_is_shown_as_near_as_can_be() -> None:
    assert shown(Clock.LINK, 600.0) == [240.0]
