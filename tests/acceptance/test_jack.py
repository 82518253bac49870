"""Knobs in and sound out through a real JACK server: MIDI ports and an audio interface."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from time import sleep

import numpy as np
import pytest
import soundfile

from mula_bridge.api.client import OscClient
from mula_bridge.midi.ports import POLL_SECONDS
from mula_daemon.clips.library import Library
from support.daemon_process import daemon_process
from support.jack_server import JackServer, jack_server, why_no_jack
from support.midi_box import MidiBox
from support.ports import free_udp_port

pytestmark = [
    pytest.mark.jack,
    pytest.mark.skipif(bool(why_no_jack()), reason=why_no_jack() or "jack"),
]
CFG_CC = 17
GENERATE_NOTE = 36
SEAM, CLOSING = 6 * 48_000, 480
"""How far the end of a clip reaches into its head, at most, and where its loop is closed; in
samples. What is heard while it is made cannot have either."""
ROUNDING = 2.5 / 32768


@pytest.fixture
def jack() -> Iterator[JackServer]:
    with jack_server(period=1024, rate=48_000) as server:
        yield server


def start(folder: Path, *options: str) -> tuple[int, tuple[str, ...]]:
    port = free_udp_port()
    return port, ("--osc", f"127.0.0.1:{port}", "--engine", "mini", *options)


def test_a_turned_controller_is_in_the_frames_of_the_running_clip(
    jack: JackServer, tmp_path: Path
) -> None:
    port, options = start(tmp_path, "--audio", "off", "--midi", "jack:*knob-box*")
    with MidiBox("knob-box") as box, daemon_process(tmp_path, *options) as process:
        process.wait_for("ready engine=mini")
        jack.find("mulabridge")
        with OscClient("127.0.0.1", port) as client:
            client.send("/mula/knob/pace", 2.0)
        sleep(2 * POLL_SECONDS)  # the daemon looks for ports as often as that
        box.turn(0x90, GENERATE_NOTE, 100)
        process.wait_for("job job1 running")
        # The first value lies below where cfg stands; the second picks it up on its way.
        for value in (8, 32, 64, 96, 127):
            sleep(0.25)
            box.turn(0xB0, CFG_CC, value)
        process.wait_for("clip clip_120bpm")
    (clip,) = Library(tmp_path).clips()
    moves = [(frame, value) for frame, name, value in clip.recipe.knobs.timeline if name == "cfg"]
    assert [round(value, 3) for _, value in moves] == [
        round(1 + 4 * value / 127, 3) for value in (32, 64, 96, 127)
    ]
    assert len({frame for frame, _ in moves}) == 4


def test_a_touched_control_is_learnt_and_moves_its_knob_from_then_on(
    jack: JackServer, tmp_path: Path
) -> None:
    port, options = start(tmp_path, "--audio", "off", "--midi", "jack:*", "--engine", "tone")
    with (
        MidiBox("knob-box") as box,
        daemon_process(tmp_path, *options) as process,
        OscClient("127.0.0.1", port) as client,
    ):
        process.wait_for("ready engine=tone")
        sleep(1.2)
        client.send("/mula/subscribe")
        client.send("/mula/learn/start", "temperature")
        for value in range(40, 60):
            box.turn(0xB0, 77, value)
            sleep(0.02)
        heard = dict(client.replies(2.0))
        assert heard["/mula/learn/done"][0] == "temperature"
        assert "cc 77" in str(heard["/mula/learn/done"][1])
        sleep(0.2)
        box.turn(0xB0, 77, 127)
        heard = dict(client.replies(1.0))
        assert heard["/mula/knob/temperature"] == (2.0,)


def test_what_is_heard_is_the_clip_without_an_underrun(jack: JackServer, tmp_path: Path) -> None:
    capture = tmp_path / "heard.wav"
    # A long buffer: the machine that runs the tests may be busy with other things.
    port, options = start(tmp_path, "--audio", "jack", "--audio-buffer", "300", "--midi", "off")
    clips = tmp_path / "clips"
    with daemon_process(clips, *options) as process, OscClient("127.0.0.1", port) as client:
        process.wait_for("ready engine=mini")
        left = jack.find("PortAudio")
        right = left.replace("out_0", "out_1")
        with subprocess.Popen(
            ["jack_rec", "-f", str(capture), "-d", "13", "-b", "16", left, right],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=jack.env,
        ) as recorder:
            sleep(0.5)
            client.send("/mula/tags", "house")
            client.send("/mula/knob/bars", 4)
            client.send("/mula/generate")
            process.wait_for("clip house_120bpm")
            recorder.wait(30)
        assert underruns(client) == 0
    (clip,) = Library(clips).clips()
    written, _ = soundfile.read(clip.path, dtype="float64")
    heard, _ = soundfile.read(capture, dtype="float64")
    assert_contains(heard, written)


def underruns(client: OscClient) -> int:
    client.send("/mula/status")
    for address, args in client.replies(2.0):
        if address == "/mula/status":
            return int(args[-1])
    raise AssertionError("no status")


def assert_contains(heard: np.ndarray, written: np.ndarray) -> None:
    """``written`` [n, 2] stands in ``heard``, sample for sample within 16-bit rounding.

    Its head apart, where the file has what rings on after its end, and its last milliseconds.
    """
    begin = int(np.flatnonzero(np.abs(heard[:, 0]) > 0.001)[0])
    body = written[SEAM:-CLOSING]
    for offset in range(max(0, begin - 4800), begin + 4800):
        part = heard[offset + SEAM : offset + SEAM + len(body)]
        if np.abs(part[:64] - body[:64]).max() <= ROUNDING:
            assert part.shape == body.shape
            assert np.abs(part - body).max() <= ROUNDING
            return
    raise AssertionError("what was heard is not the clip")


def test_process_survives_without_a_jack_server(tmp_path: Path) -> None:
    _, options = start(tmp_path, "--midi", "off", "--engine", "tone")
    with daemon_process(tmp_path, *options) as process:
        process.wait_for("playing is off")
        process.wait_for("ready engine=tone")
