"""The audio process on a real JACK server: what is played, and what happens when it dies."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from time import monotonic, sleep

import numpy as np
import pytest
import soxr

from mula_daemon.audio.interface import Interface
from mula_daemon.audio.interface_worker import InterfaceState
from mula_daemon.audio.outlet import Nowhere
from mula_daemon.audio.speaker import Speaker
from mula_daemon.settings.output_settings import OutputSettings
from support.jack_server import JackServer, jack_server
from support.sound_card import captured, sounding, trimmed
from support.takes import noise
from support.voices import ArrayVoice, flat

pytestmark = pytest.mark.jack
PERIOD = 1024


def eventually(holds: Callable[[], bool], timeout: float = 20.0) -> None:
    end = monotonic() + timeout
    while not holds():
        assert monotonic() < end
        sleep(0.01)


@pytest.fixture(scope="module")
def card() -> Iterator[tuple[JackServer, Interface, Speaker]]:
    with jack_server(period=PERIOD) as server, sounding() as (interface, speaker):
        yield server, interface, speaker


Card = tuple[JackServer, Interface, Speaker]


def test_a_voice_is_heard_sample_for_sample(card: Card, tmp_path: Path) -> None:
    server, _, speaker = card
    voice = ArrayVoice(noise(24_000))
    with captured(server, tmp_path / "a.wav") as heard:
        speaker.play(voice)
    np.testing.assert_allclose(trimmed(heard[0]), noise(24_000), rtol=0, atol=2.0**-30)
    assert speaker.stats().underruns == 0


def test_another_rate_is_converted_to_the_servers(card: Card, tmp_path: Path) -> None:
    server, _, speaker = card
    sound = noise(22_050)
    with captured(server, tmp_path / "a.wav") as heard:
        speaker.play(ArrayVoice(sound, 44_100))
    expected = soxr.resample(sound, 44_100, 48_000)
    np.testing.assert_allclose(trimmed(heard[0])[:23_000], expected[:23_000], rtol=0, atol=1e-4)


def test_panic_cuts_off_what_the_interface_was_given(card: Card, tmp_path: Path) -> None:
    server, _, speaker = card
    with captured(server, tmp_path / "a.wav") as heard:
        speaker.play(ArrayVoice(flat(48_000)))
        sleep(0.2)
        speaker.panic()
    assert len(trimmed(heard[0])) < 24_000
    assert trimmed(heard[0]).min() == 0.5


def test_a_pair_beyond_the_interface_and_an_unknown_name_are_said_so(card: Card) -> None:
    for settings, words in (
        (OutputSettings("jack", pair=(3, 4)), "has no channel 4"),
        (OutputSettings("Focusrite"), "no audio output matches 'Focusrite'"),
    ):
        interface = Interface(settings)
        interface.start()
        assert words in interface.wait(30).problem
        assert isinstance(interface.outlet(), Nowhere)
        interface.stop()


def test_a_process_that_is_killed_is_replaced_and_the_voice_goes_on() -> None:
    states: list[InterfaceState] = []
    with jack_server(period=PERIOD):
        interface = Interface(OutputSettings("jack"), states.append)
        speaker = Speaker(interface.outlet)
        speaker.feeder.start()
        interface.start()
        eventually(lambda: interface.state.output is not None)
        voice = ArrayVoice(flat(48_000 * 60))
        speaker.play(voice)
        first = interface.pid
        assert first is not None
        os.kill(first, signal.SIGKILL)
        eventually(lambda: len(states) == 3)
        assert [state.output is not None for state in states] == [True, False, True]
        assert interface.pid != first
        assert speaker.voice is voice
        interface.stop()
        speaker.feeder.stop()


def test_a_server_that_dies_and_comes_back_is_heard_again(tmp_path: Path) -> None:
    with jack_server(period=PERIOD) as server, sounding() as (interface, speaker):
        voice = ArrayVoice(flat(48_000 * 60))
        speaker.play(voice)
        sleep(0.3)
        server.stop()
        eventually(lambda: interface.state.output is None)
        asked = len(voice.asked)
        eventually(lambda: len(voice.asked) > asked)  # it plays on, to nobody
        server.start()
        began = monotonic()
        eventually(lambda: interface.state.output is not None)
        assert monotonic() - began < 10  # 3 s on a machine that is not busy
        with captured(server, tmp_path / "a.wav") as heard:
            pass
        assert (trimmed(heard[0]) == 0.5).mean() > 0.99
