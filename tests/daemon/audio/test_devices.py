from __future__ import annotations

import sys
from types import SimpleNamespace

import pytest

from mula_bridge.errors import Unavailable
from mula_daemon.audio.devices import Output, choose, scan_outputs

WINDOWS = (
    Output(0, "Speakers (Realtek)", "MME", 2, 44100, default=True, api_default=True),
    Output(1, "Focusrite USB", "MME", 2, 44100),
    Output(2, "Focusrite USB", "Windows DirectSound", 2, 44100),
    Output(3, "Focusrite USB", "Windows WASAPI", 2, 48000),
    Output(4, "Focusrite USB ASIO", "ASIO", 8, 48000, api_default=True),
)
LINUX = (
    Output(0, "HDA Intel", "ALSA", 2, 48000),
    Output(1, "default", "ALSA", 32, 44100, default=True, api_default=True),
    Output(2, "Ardour", "JACK Audio Connection Kit", 2, 48000),
    Output(3, "system", "JACK Audio Connection Kit", 2, 48000, api_default=True),
)


@pytest.mark.parametrize(
    ("outputs", "wanted", "index"),
    [
        (WINDOWS, "", 0),
        (WINDOWS, "asio", 4),
        (WINDOWS, "focusrite", 4),
        (WINDOWS, "Focusrite WASAPI", 3),
        (WINDOWS, "realtek", 0),
        (LINUX, "", 1),
        (LINUX, "JACK", 3),
        (LINUX, "jack ardour", 2),
        (LINUX, "ardour", 2),
        (LINUX, "alsa", 1),
        (LINUX, "hda", 0),
    ],
)
def test_a_part_of_a_name_or_a_host_api_finds_the_output(
    outputs: tuple[Output, ...], wanted: str, index: int
) -> None:
    assert choose(outputs, wanted).index == index


def test_a_name_that_is_not_there_is_answered_with_those_that_are() -> None:
    with pytest.raises(Unavailable, match=r"did you mean Ardour.*HDA Intel"):
        choose(LINUX, "ardor")


def test_a_machine_without_outputs_is_told_what_to_do() -> None:
    with pytest.raises(Unavailable, match="plug in an interface"):
        choose((), "")


def test_a_missing_portaudio_is_an_explanation_not_an_exception(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    found = scan_outputs()
    assert found.outputs == ()
    assert "pip install sounddevice" in found.problem


def test_a_portaudio_that_does_not_start_is_an_explanation_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail() -> None:
        raise OSError("PortAudio library not found")

    monkeypatch.setitem(sys.modules, "sounddevice", SimpleNamespace(_initialize=fail))
    assert "install PortAudio" in scan_outputs().problem
