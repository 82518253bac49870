"""Link's thread survives what its library raises; no network needed."""

from __future__ import annotations

import sys
from collections.abc import Callable
from time import monotonic, sleep
from types import SimpleNamespace

import pytest

from mula_bridge.control.messages.states import Clock
from mula_daemon.tempo.conductor import Conductor
from mula_daemon.tempo.link import LinkPeer


class StandInLink:
    """A session with one other peer, whose library fails at first."""

    makings = 0
    looks = 0

    def __init__(self, bpm: float) -> None:
        StandInLink.makings += 1
        if StandInLink.makings == 1:
            raise RuntimeError("no socket for the session")
        self.tempo, self.beat = 93.0, 0.0
        self.enabled = self.playing = False
        self.quantum = 4
        self.start_stop_sync_enabled = False

    def _listen(self, hear: Callable[[object], None]) -> None:
        """Nothing is ever said by itself."""

    set_tempo_callback = set_start_stop_callback = set_num_peers_callback = _listen

    @property
    def num_peers(self) -> int:
        StandInLink.looks += 1
        if StandInLink.looks <= 3:
            raise RuntimeError("a bug in the library")
        return 1


def test_a_library_that_raises_is_asked_again_and_leads_then(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "aalink", SimpleNamespace(Link=StandInLink))
    monkeypatch.setattr("mula_daemon.tempo.link.POLL_S", 0.005)
    conductor = Conductor()
    peer = LinkPeer(conductor)
    conductor.offer_link(peer, in_auto=True)
    conductor.choose("link")
    end = monotonic() + 5
    while conductor.state.leader is not Clock.LINK:
        assert monotonic() < end
        sleep(0.005)
    assert conductor.state.bpm == 93.0
    assert (peer.listener.faults, peer.listener.dead) == (4, False)
    peer.listener.stop()
    assert conductor.state.leader is Clock.INTERNAL
