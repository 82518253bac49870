from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import soundfile
import soxr

from mula_bridge.errors import Unavailable
from mula_daemon.audio.devices import list_outputs
from mula_daemon.engine.base import Samples
from mula_daemon.sinks.audio_out import AudioOut
from mula_daemon.sinks.base import Abandoned, Take
from support.jack_server import JackServer, jack_server
from support.takes import FINISHED, blocks, make_take, noise

PLAYED = ("PortAudio:out_0", "PortAudio:out_1")
TESTS = Path(__file__).parents[2]
PERIOD = 2048
"""Long, because the machine that runs the tests may be busy with other things."""


# --- through a real JACK server ---------------------------------------------------------------


@pytest.fixture(scope="module")
def running() -> Iterator[tuple[JackServer, AudioOut]]:
    with jack_server(period=PERIOD) as server, AudioOut("jack") as out:
        yield server, out


@pytest.fixture
def server(running: tuple[JackServer, AudioOut]) -> JackServer:
    return running[0]


@pytest.fixture
def out(running: tuple[JackServer, AudioOut]) -> Iterator[AudioOut]:
    """The interface, silent, with its counters as a fresh one has them."""
    out = running[1]
    out._player.underruns = 0
    yield out
    out.gain_db = 0.0
    out.close(Abandoned("the test has ended"))
    assert out.problem == ""
    while out.playing:
        time.sleep(0.01)


@contextmanager
def captured(server: JackServer, path: Path) -> Iterator[list[Samples]]:
    """What another JACK client hears of us in a second: the list's one item, after the body."""
    command = ["jack_rec", "-f", str(path), "-d", "1", "-b", "32", *PLAYED]
    heard: list[Samples] = []
    with subprocess.Popen(command, env=server.env, stdout=subprocess.DEVNULL) as recorder:
        server.find("jackrec")
        time.sleep(0.1)
        yield heard
        assert recorder.wait(10) == 0
    heard.append(soundfile.read(path, dtype="float32", always_2d=True)[0])


def play(out: AudioOut, take: Take, sound: Samples, size: int = 1920) -> None:
    out.open(take)
    for block in blocks(sound, size):
        out.write(block)
    out.close(FINISHED)


def trimmed(heard: Samples) -> Samples:
    """What was heard without the silence before and after it."""
    [sounding] = np.nonzero(heard.any(axis=1))
    return heard[sounding[0] : sounding[-1] + 1] if len(sounding) else heard[:0]


@pytest.mark.jack
def test_takes_are_heard_sample_for_sample_and_without_a_gap(
    server: JackServer, out: AudioOut, tmp_path: Path
) -> None:
    take = make_take()
    sound = noise(take.samples * 2)
    with captured(server, tmp_path / "a.wav") as heard:
        play(out, take, sound[: take.samples])
        play(out, take, sound[take.samples :])
    np.testing.assert_allclose(trimmed(heard[0]), sound, rtol=0, atol=2.0**-30)
    assert out.stats().underruns == 0


@pytest.mark.jack
def test_an_engine_at_another_rate_is_converted_to_the_servers(
    server: JackServer, out: AudioOut, tmp_path: Path
) -> None:
    take = make_take(rate=44100, channels=1)
    sound = noise(take.samples, 1)
    with captured(server, tmp_path / "a.wav") as heard:
        play(out, take, sound)
    assert out.stats().underruns == 0
    expected = np.repeat(soxr.resample(sound, 44100, 48000), 2, axis=1)
    assert len(expected) == 12000
    np.testing.assert_allclose(trimmed(heard[0])[:12000], expected, rtol=0, atol=1e-5)


@pytest.mark.jack
@pytest.mark.parametrize(("way", "steps"), [("stop", 0), ("panic", 1)])
def test_stop_fades_and_panic_cuts_and_the_next_take_is_heard(
    server: JackServer, out: AudioOut, tmp_path: Path, way: str, steps: int
) -> None:
    take, short = make_take(bpm=60.0), make_take()
    flat = np.full((take.samples, 2), 0.5, np.float32)
    with captured(server, tmp_path / "a.wav") as heard:
        out.open(take)
        threading.Timer(0.2, getattr(out, way)).start()
        began = time.monotonic()
        out.write(flat)  # longer than the lead: waits until the timer
        assert time.monotonic() - began < 0.6
        out.close(FINISHED)
        play(out, short, noise(short.samples) / 100)
    sound = trimmed(heard[0])
    [level] = np.nonzero(sound[:, 0] == 0.5)
    assert len(level) < 0.25 * 48000
    falls = -np.diff(sound[:, 0])
    assert np.count_nonzero(falls > 0.02) == steps
    np.testing.assert_allclose(sound[-short.samples :], noise(short.samples) / 100, atol=2.0**-30)
    assert out.stats().underruns == 0


@pytest.mark.jack
def test_an_abandoned_take_ends_at_once(out: AudioOut) -> None:
    take = make_take(bpm=60.0)
    out.open(take)
    out.write(noise(14000))
    time.sleep(0.15)
    assert out.playing
    out.close(Abandoned("cancelled"))
    time.sleep(0.1)
    assert not out.playing
    assert out.stats().underruns == 0


@pytest.mark.jack
def test_an_engine_that_falls_behind_is_counted(out: AudioOut) -> None:
    take = make_take(beats_per_bar=2)
    out.open(take)
    for number, block in enumerate(blocks(noise(take.samples), 6000)):
        time.sleep(0.5 if number == 2 else 0.0)
        out.write(block)
    out.close(FINISHED)
    assert out.stats().underruns == 1


@pytest.mark.jack
def test_the_meter_shows_the_peak_since_last_asked_after_the_gain(out: AudioOut) -> None:
    take = make_take()
    out.gain_db = -20.0
    time.sleep(0.3)
    out.stats()
    play(out, take, noise(take.samples))
    time.sleep(0.5)
    assert out.stats().peak_dbfs == pytest.approx(-26.0, abs=0.1)
    assert out.stats().peak_dbfs == -120.0
    assert out.gain_db == -20.0


@pytest.mark.jack
def test_the_outputs_are_listed_while_one_is_open(out: AudioOut) -> None:
    found = list_outputs()
    assert out.output in found.outputs
    assert found.problem == ""


@pytest.mark.jack
def test_a_name_that_is_not_there_is_refused_with_those_that_are(out: AudioOut) -> None:
    with pytest.raises(Unavailable, match=r"no audio output matches 'Focusrite'.*system"):
        AudioOut("Focusrite")


@pytest.mark.jack
@pytest.mark.slow
def test_a_server_at_another_rate_is_followed() -> None:
    # In a process of its own: here the first server is still in use.
    done = in_another_process("""
from support.jack_server import jack_server
from mula_daemon.sinks.audio_out import AudioOut
for rate in (44100, 48000):
    with jack_server(rate=rate), AudioOut("jack") as out:
        print(out.output.rate)
""")
    assert done == "44100\n48000\n"


DYING_SERVER = """
import threading, time
from support.jack_server import jack_server
from support.takes import FINISHED, make_take, noise
from mula_daemon.sinks.audio_out import AudioOut
with jack_server() as server:
    out = AudioOut("jack")
    take = make_take(bpm=40.0, bars=4)
    out.open(take)
    threading.Timer(0.3, server.stop).start()
    out.write(noise(take.samples))
    assert "has stopped" in out.problem, out.problem
    out.close(FINISHED)
    began = time.monotonic()
    out.open(take)
    out.write(noise(take.samples))
    out.close(FINISHED)
    out.shutdown()
    assert time.monotonic() - began < 1.0
print("survived")
"""


@pytest.mark.jack
def test_a_server_that_dies_neither_hangs_nor_takes_us_with_it() -> None:
    # In a process of its own: PortAudio cannot be started again once its server has gone.
    assert in_another_process(DYING_SERVER) == "survived\n"


def in_another_process(program: str) -> str:
    """What ``program`` prints; it must end well."""
    command = [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(TESTS)!r})\n{program}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


# --- with a stand-in for sounddevice ----------------------------------------------------------


class FakeStream:
    """An output stream whose callback runs only when the test says so."""

    def __init__(self, *, callback: Any, channels: int, **_: object) -> None:
        self.active = False
        self._callback = callback
        self._channels = channels

    def start(self) -> None:
        self.active = True

    def close(self) -> None:
        self.active = False

    def turn(self, frames: int = 256, *, underflow: bool = False) -> Samples:
        out = np.full((frames, self._channels), 9.9, np.float32)
        self._callback(out, frames, None, SimpleNamespace(output_underflow=underflow))
        return out


class FakeError(Exception):
    """PortAudio's error."""


def fake_sounddevice(**changes: Any) -> SimpleNamespace:
    device = {
        "index": 0,
        "name": "Interface",
        "hostapi": 0,
        "max_output_channels": 2,
        "default_samplerate": 48000.0,
    }
    module = {
        "PortAudioError": FakeError,
        "OutputStream": FakeStream,
        "_initialize": lambda: None,
        "_terminate": lambda: None,
        "query_hostapis": lambda: [{"name": "Core Audio", "default_output_device": 0}],
        "query_devices": lambda: [device],
        "default": SimpleNamespace(device={"output": 0}),
    }
    return SimpleNamespace(**{**module, **changes})


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    module = fake_sounddevice()
    monkeypatch.setitem(sys.modules, "sounddevice", module)
    return module


def stream_of(out: AudioOut) -> FakeStream:
    stream = out._stream
    assert isinstance(stream, FakeStream)
    return stream


def test_without_sounddevice_the_daemon_is_told_in_plain_words(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    with pytest.raises(Unavailable, match=r"no sound: .*pip install sounddevice"):
        AudioOut()


def test_a_machine_without_outputs_is_told_in_plain_words(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stopped = []
    module = fake_sounddevice(query_devices=list, _terminate=lambda: stopped.append(1))
    monkeypatch.setitem(sys.modules, "sounddevice", module)
    with pytest.raises(Unavailable, match="plug in an interface"):
        AudioOut()
    assert stopped == [1]
    assert "plug in an interface" in list_outputs().problem


def test_an_output_that_is_held_by_another_program_is_said_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(**_: object) -> None:
        raise FakeError("Device unavailable")

    monkeypatch.setitem(sys.modules, "sounddevice", fake_sounddevice(OutputStream=refuse))
    with pytest.raises(Unavailable, match=r"Interface.*Device unavailable; close the program"):
        AudioOut()


def test_an_interface_that_takes_nothing_holds_the_writer_up_only_once(
    fake: SimpleNamespace,
) -> None:
    out = AudioOut()
    take = make_take(bpm=60.0)
    out.open(take)
    began = time.monotonic()
    out.write(noise(24000))
    assert 1.0 < time.monotonic() - began < 3.0
    assert "takes no sound" in out.problem
    began = time.monotonic()
    out.write(noise(24000))
    out.close(FINISHED)
    out.open(take)
    out.write(noise(take.samples))
    out.close(FINISHED)
    assert time.monotonic() - began < 0.5
    stream_of(out).turn()
    assert out.problem == ""
    out.shutdown()


def test_a_late_callback_is_counted_while_something_is_heard(
    fake: SimpleNamespace,
) -> None:
    with AudioOut() as out:
        stream_of(out).turn(underflow=True)
        assert out.late == 0
        take = make_take()
        out.open(take)
        out.write(noise(take.samples))
        for _ in range(20):
            stream_of(out).turn()
        stream_of(out).turn(underflow=True)
        assert out.late == 1
        assert out.stats().underruns == 0


def test_a_take_that_came_whole_ends_without_an_underrun_even_before_it_is_closed(
    fake: SimpleNamespace,
) -> None:
    with AudioOut() as out:
        take = make_take()
        out.open(take)
        out.write(noise(take.samples))
        for _ in range(100):
            stream_of(out).turn()
        assert out.stats().underruns == 0
        out.close(FINISHED)


def test_released_takes_end_without_an_underrun(fake: SimpleNamespace) -> None:
    with AudioOut() as out:
        out.open(make_take())
        out.write(noise(6000))
        out.release()
        for _ in range(100):
            stream_of(out).turn()
        assert out.stats().underruns == 0


def test_stop_between_takes_drops_what_is_still_queued(fake: SimpleNamespace) -> None:
    with AudioOut() as out:
        take = make_take()
        out.open(take)
        out.write(noise(take.samples))
        out.close(FINISHED)
        for _ in range(20):
            stream_of(out).turn()
        out.stop()
        stream_of(out).turn()
        assert not stream_of(out).turn().any()


def test_a_closed_output_drops_takes_and_says_why(fake: SimpleNamespace) -> None:
    out = AudioOut()
    out.shutdown()
    out.shutdown()
    assert "was closed" in out.problem
    take = make_take(bpm=40.0)
    out.open(take)
    out.write(noise(take.samples))
    out.close(FINISHED)
