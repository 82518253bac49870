"""The keeper of the audio process survives what keeps it from keeping one; no sound card needed."""

from __future__ import annotations

import errno
import threading
from multiprocessing import Pipe
from types import SimpleNamespace
from typing import Any, cast

import pytest

from mula_bridge.net.children import MOST_STUCK
from mula_daemon.audio import interface as interface_module
from mula_daemon.audio.devices import Output
from mula_daemon.audio.interface import Interface
from mula_daemon.audio.interface_worker import InterfaceState
from mula_daemon.audio.shared_ring import SharedRing
from mula_daemon.settings.output_settings import OutputSettings
from support.fakes import Unending

FAULTS = 8
"""More than the new beginnings that any service has."""


@pytest.mark.parametrize("seam", ["SharedRing", "_live"])
@pytest.mark.parametrize("reason", [errno.ENOMEM, errno.ENOSPC, errno.EMFILE, errno.EAGAIN])
def test_memory_or_a_process_that_cannot_be_had_is_told_once_and_tried_again(
    seam: str, reason: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mula_daemon.audio.interface.FIRST_PAUSE_S", 0.001)
    failures = iter([OSError(reason, "there is none")] * FAULTS)
    told: list[InterfaceState] = []
    lived = threading.Event()
    interface = Interface(OutputSettings(), told.append)

    def fail() -> None:
        for failure in failures:
            raise failure

    def ring() -> SharedRing:
        if seam == "SharedRing":
            fail()
        return SharedRing()

    def live(ring: SharedRing) -> None:
        if seam == "_live":
            fail()
        lived.set()
        interface.stopping.wait(10)

    monkeypatch.setattr("mula_daemon.audio.interface.SharedRing", ring)
    monkeypatch.setattr(interface, "_live", live)
    interface.start()
    assert lived.wait(5)
    interface.stop()
    assert (interface.faults, interface.dead) == (FAULTS, False)
    [state] = told
    assert state.problem.startswith("the audio process cannot be had")
    assert "there is none; make room" in state.problem


def test_who_hears_of_the_output_may_fail() -> None:
    def changed(state: InterfaceState) -> None:
        raise RuntimeError("a bug")

    interface = Interface(OutputSettings(), changed)
    interface._turn(InterfaceState(problem="there is none"))
    assert interface.wait(0).problem == "there is none"
    assert interface.faults == 1


class Died:
    """The pipe to a process that opens its output, and dies."""

    def __init__(self) -> None:
        self.news = [InterfaceState(Output(0, "Box", "Fake", 2, 48_000))]

    def poll(self, seconds: float) -> bool:
        return True

    def recv(self) -> InterfaceState:
        if not self.news:
            raise EOFError
        return self.news.pop()


@pytest.mark.parametrize(
    ("good_s", "rests"),
    [(60.0, [0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 10.0, 10.0]), (-1.0, [0.2] * 8)],
    ids=["ever longer", "but for one that did well"],
)
def test_between_processes_that_die_there_is_a_rest(
    good_s: float, rests: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(interface_module, "GOOD_S", good_s)
    interface = Interface(OutputSettings())
    rested: list[float] = []

    def rest(seconds: float) -> bool:
        rested.append(seconds)
        if len(rested) == len(rests):
            interface.stopping.set()
        return False

    def live(ring: SharedRing) -> None:
        interface._listen(cast("Any", Died()), ring)

    monkeypatch.setattr(interface.stopping, "wait", rest)
    monkeypatch.setattr(interface, "_live", live)
    interface.run()
    assert rested == pytest.approx(rests)
    assert interface.state.problem == "the audio output Box ended its process"


def test_processes_that_cannot_be_ended_become_no_more_than_a_few(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    begun: list[Unending] = []

    def process(**options: object) -> Unending:
        made = Unending()
        made.start = lambda: begun.append(made)  # type: ignore[attr-defined]
        return made

    context = SimpleNamespace(Pipe=Pipe, Process=process)
    monkeypatch.setattr(interface_module.multiprocessing, "get_context", lambda kind: context)
    interface = Interface(OutputSettings())
    monkeypatch.setattr(interface, "_listen", lambda ours, ring: True)
    ring = cast("SharedRing", SimpleNamespace(name="ring"))
    for _ in range(MOST_STUCK + 2):
        interface._live(ring)
    assert len(begun) == MOST_STUCK
    assert interface.state.problem.startswith("4 audio processes hang in a driver")
    begun[0].hangs = False
    interface._live(ring)
    assert len(begun) == MOST_STUCK + 1
