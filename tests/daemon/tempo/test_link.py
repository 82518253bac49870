"""Ableton Link against a foreign peer: LinkPython, a wrapper of its own around Link."""

from __future__ import annotations

import builtins
from collections.abc import Iterator
from time import monotonic, perf_counter_ns, sleep
from typing import Any

import pytest

from mula_bridge.control.messages.states import Clock
from mula_bridge.errors import Unavailable
from mula_daemon.tempo.conductor import Conductor
from mula_daemon.tempo.link import LinkPeer
from support.midi_box import eventually

MEET_S = 5.0
STRANGERS_S = 0.5


class Foreign:
    """A program that speaks Link and is none of ours."""

    def __init__(self, bpm: float) -> None:
        link = pytest.importorskip("link")
        self._link = link.Link(bpm)
        self._link.startStopSyncEnabled = True
        self._link.enabled = True

    @property
    def peers(self) -> int:
        return int(self._link.numPeers())

    @property
    def bpm(self) -> float:
        return float(self._state().tempo())

    @bpm.setter
    def bpm(self, bpm: float) -> None:
        state = self._state()
        state.setTempo(bpm, self._link.clock().micros())
        self._link.commitSessionState(state)

    @property
    def playing(self) -> bool:
        return bool(self._state().isPlaying())

    def phase(self) -> tuple[float, int]:
        """Where in the bar of four quarters it is, and when that was."""
        before = perf_counter_ns()
        phase = float(self._state().phaseAtTime(self._link.clock().micros(), 4))
        return phase, (before + perf_counter_ns()) // 2

    def close(self) -> None:
        self._link.enabled = False

    def _state(self) -> Any:
        return self._link.captureSessionState()


@pytest.fixture
def foreign() -> Iterator[Foreign]:
    foreign = Foreign(97.0)
    end = monotonic() + STRANGERS_S
    while monotonic() < end and not foreign.peers:
        sleep(0.02)
    if foreign.peers:  # their tempo is not ours to change
        foreign.close()
        pytest.skip("somebody on this network is in a Link session")
    yield foreign
    foreign.close()


@pytest.fixture
def conductor() -> Iterator[Conductor]:
    pytest.importorskip("aalink")
    conductor = Conductor(120.0)
    peer = LinkPeer(conductor)
    conductor.offer_link(peer, in_auto=True)
    yield conductor
    peer.listener.stop()


def meet(conductor: Conductor, foreign: Foreign) -> None:
    conductor.choose("auto")
    end = monotonic() + MEET_S
    while conductor.state.leader is not Clock.LINK:
        if monotonic() > end:
            pytest.skip("no Link peer was found: this machine has no multicast")
        sleep(0.02)
    eventually(lambda: conductor.state.bpm == pytest.approx(foreign.bpm, abs=0.001))


def apart_ms(conductor: Conductor, foreign: Foreign) -> float:
    """How far our bars and theirs are apart."""
    phase, at_ns = foreign.phase()
    line = conductor.timeline
    beats = (line.beat_at(at_ns) - phase + 2) % 4 - 2
    return abs(beats) * 60e3 / line.bpm


def test_tempo_bars_and_transport_are_the_sessions(conductor: Conductor, foreign: Foreign) -> None:
    meet(conductor, foreign)
    assert conductor.state.name.endswith(("peer", "peers"))
    eventually(lambda: apart_ms(conductor, foreign) < 3)

    foreign.bpm = 133.0
    eventually(lambda: conductor.state.bpm == 133.0)
    eventually(lambda: apart_ms(conductor, foreign) < 3)

    conductor.set_bpm(90.0)
    eventually(lambda: foreign.bpm == pytest.approx(90, abs=0.001))
    eventually(lambda: apart_ms(conductor, foreign) < 3)

    conductor.start()
    eventually(lambda: foreign.playing and conductor.timeline.playing)
    conductor.stop()
    eventually(lambda: not foreign.playing)

    conductor.choose("internal")
    eventually(lambda: foreign.peers == 0)
    assert conductor.state.leader is Clock.INTERNAL
    assert conductor.timeline.bpm == 90.0


def test_without_aalink_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    load = builtins.__import__

    def refuse(name: str, *rest: Any) -> Any:
        if name == "aalink":
            raise ImportError("No module named 'aalink'")
        return load(name, *rest)

    monkeypatch.setattr(builtins, "__import__", refuse)
    conductor = Conductor()
    conductor.offer_link(LinkPeer(conductor), in_auto=False)
    with pytest.raises(Unavailable, match=r"mulabridge\[link\]"):
        conductor.choose("link")
    assert conductor.source == "auto"
