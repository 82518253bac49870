"""An audio process whose drivers hang, raise or lie is told of and replaced; no card needed."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from time import monotonic, sleep

import numpy as np
import pytest

from mula_daemon.audio import interface as interface_module
from mula_daemon.audio import patience as patience_module
from mula_daemon.audio.devices import Output
from mula_daemon.audio.interface_worker import InterfaceState, InterfaceStep
from mula_daemon.audio.outlet import InterfaceOutlet, Nowhere
from mula_daemon.audio.patience import LIST_S, LOOK_S, OPEN_S, PLAY_S, START_S, Patience
from mula_daemon.audio.shared_ring import SharedRing
from support.audio_drivers import Drivers

BOX = Output(0, "Box", "Fake", 2, 48_000, default=True, api_default=True)
needs_signals = pytest.mark.skipif(sys.platform == "win32", reason="no process can be frozen")


@pytest.fixture
def drivers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Drivers:
    for module in (patience_module, interface_module):
        monkeypatch.setattr(module, "LOOK_S", 0.02)
    for limit in ("LIST_S", "OPEN_S", "PLAY_S"):
        monkeypatch.setattr(patience_module, limit, 0.8)  # the rest in a search is 0.5 s
    monkeypatch.setattr(interface_module, "FIRST_PAUSE_S", 0.01)
    return Drivers(tmp_path, monkeypatch)


@pytest.mark.parametrize(
    ("step", "words"),
    [
        ("list", "the audio output cannot be looked for: the list of outputs has not answered"),
        ("open", "the audio output Box does not open: it has not answered"),
        ("start", "the audio output Box does not open: it has not answered"),
    ],
)
def test_one_that_hangs_as_it_opens_is_named_once_and_tried_again_until_it_does(
    drivers: Drivers, step: str, words: str
) -> None:
    drivers.do(**{step: "hang"})
    with drivers:
        problem = drivers.wait(1).problem
        assert problem.startswith(words)
        assert "plug the interface out and in again" in problem
        first = drivers.interface.pid
        end = monotonic() + 30
        while drivers.interface.pid in (first, None):
            assert monotonic() < end
            sleep(0.005)
        assert isinstance(drivers.interface.outlet(), Nowhere)
        drivers.do()
        assert drivers.wait(2).output == BOX  # of the second one nothing was said
        assert isinstance(drivers.interface.outlet(), InterfaceOutlet)
        assert not drivers.interface.dead


@needs_signals
def test_a_process_that_freezes_while_it_plays_is_replaced(drivers: Drivers) -> None:
    with drivers:
        assert drivers.wait(1).output == BOX
        first = drivers.interface.pid
        assert first is not None
        os.kill(first, signal.SIGSTOP)
        assert drivers.wait(2).problem.startswith("the audio output Box has not answered for")
        assert drivers.wait(3).output == BOX
        assert drivers.interface.pid != first


@pytest.mark.parametrize("step", ["list", "open", "close"])
def test_the_end_does_not_wait_for_one_that_hangs(drivers: Drivers, step: str) -> None:
    drivers.do(**{step: "hang"})
    with drivers:
        if step == "close":
            assert drivers.wait(1).output == BOX
        else:
            sleep(0.1)


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ({"list": "no device"}, "cannot be listed: no device"),
        (
            {"open": "Device unavailable"},
            "Box does not open: Device unavailable; close",
        ),
        ({"start": "Unanticipated host error"}, "Box does not open: Unanticipated host error"),
        ({"open": "Invalid sample rate"}, "set it to 44100 or 48000 Hz"),
        ({"outputs": []}, "plug in an interface or start JACK"),
        ({"outputs": ["\udcff"]}, "no output can be used"),
        ({"rate": 0.0}, "Box runs at 0 Hz"),
        ({"rate": float("nan")}, "no output can be used"),
        ({"list": "no device", "close": "not initialised"}, "cannot be listed: no device"),
    ],
    ids=str,
)
def test_what_a_driver_says_is_told_with_a_remedy_and_tried_again(
    drivers: Drivers, script: dict[str, object], words: str
) -> None:
    drivers.do(**script)
    with drivers:
        assert words in drivers.wait(1).problem
        drivers.do()
        assert drivers.wait(2).output == BOX


def test_an_output_whose_name_is_in_no_encoding_hides_no_other(drivers: Drivers) -> None:
    drivers.do(outputs=["\udcff", "Box"])
    with drivers:
        output = drivers.wait(1).output
        assert output is not None
        assert (output.index, output.name) == (1, "Box")


# --- how long it is waited for ----------------------------------------------------------------


@pytest.fixture
def ring() -> Iterator[SharedRing]:
    ring = SharedRing()
    yield ring
    ring.unlink()


@pytest.mark.parametrize(
    ("news", "limit_s"),
    [
        ([], START_S),
        ([InterfaceStep()], LIST_S),
        ([InterfaceStep(), InterfaceStep(BOX)], OPEN_S),
        ([InterfaceStep(), InterfaceState(problem="none")], LIST_S),
        ([InterfaceStep(BOX), InterfaceState(BOX)], PLAY_S),
    ],
    ids=["to begin", "to list", "to open", "to list again", "to play"],
)
def test_silence_is_counted_in_looks_and_each_word_begins_anew(
    ring: SharedRing, news: list[InterfaceState | InterfaceStep], limit_s: float
) -> None:
    patience = Patience(ring, "")
    looks = round(limit_s / LOOK_S)
    for _ in range(2):
        for one in news:
            patience.hear(one)
        assert [patience.is_over() for _ in range(looks - 1)] == [False] * (looks - 1)
        if not news:
            break
    assert patience.is_over()
    assert f"has not answered for {limit_s:g} s" in patience.verdict


def test_one_that_takes_sound_need_not_speak(ring: SharedRing) -> None:

    patience = Patience(ring, "")
    patience.hear(InterfaceState(BOX))
    for _ in range(round(2 * PLAY_S / LOOK_S)):
        ring.read_into(np.empty((64, 2), np.float32), 0)
        assert not patience.is_over()


def test_the_output_that_was_asked_for_is_named(ring: SharedRing) -> None:
    patience = Patience(ring, "Focusrite")
    assert patience.verdict.startswith("the audio output Focusrite is not there yet")
    patience.hear(InterfaceStep())
    assert patience.verdict.startswith("the audio output Focusrite cannot be looked for")
