from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import soxr
from hypothesis import given
from hypothesis import strategies as st

from mula_daemon.audio.mixer import Mixer
from mula_daemon.audio.samples import Samples
from mula_daemon.audio.voice import Voice
from mula_daemon.live.voice import LiveVoice
from support.takes import noise
from support.voices import SECOND_NS, ArrayVoice, flat

RATE = 48_000
FADE = 240
BUFFERS = st.sampled_from([64, 100, 257, 1024])


class Desk:
    """A mixer whose frame 0 is heard at 0 ns."""

    def __init__(self, rate: int = RATE) -> None:
        self.mixer = Mixer(rate)
        self.rate = rate
        self.done = 0

    def render(self, frames: int, buffer: int = 256) -> Samples:
        heard = [np.empty((0, 2), np.float32)]
        end = self.done + frames
        while self.done < end:
            count = min(buffer, end - self.done)
            heard.append(self.mixer.render(count, self.done, self.at))
            self.done += count
        return np.concatenate(heard)

    def at(self, frame: int) -> int:
        return frame * SECOND_NS // self.rate


def steepest(sound: Samples) -> float:
    return float(np.abs(np.diff(sound[:, 0])).max())


@given(BUFFERS, st.integers(1, 9000))
def test_a_voice_is_heard_sample_for_sample_and_retired(buffer: int, frames: int) -> None:
    desk, voice = Desk(), ArrayVoice(noise(frames))
    desk.mixer.play(voice)
    heard = desk.render(frames + 500, buffer)
    np.testing.assert_array_equal(heard[:frames], noise(frames))
    assert not heard[frames:].any()
    assert desk.mixer.gaps == 0
    assert voice.retired == 1
    assert desk.mixer.voice is None


@given(BUFFERS, st.integers(0, 5000))
def test_a_voice_begins_at_the_sample_it_was_asked_for(buffer: int, start: int) -> None:
    desk = Desk()
    desk.mixer.play(ArrayVoice(noise(1000)), desk.at(start))
    heard = desk.render(start + 2000, buffer)
    first = int(np.flatnonzero(heard.any(axis=1))[0])
    assert abs(first - start) <= 1
    np.testing.assert_array_equal(heard[first : first + 1000], noise(1000))


def test_a_voice_whose_time_has_passed_begins_at_once() -> None:
    desk = Desk()
    desk.render(5000)
    desk.mixer.play(ArrayVoice(flat(100)), desk.at(100))
    assert desk.render(256)[0, 0] == 0.5


def test_each_read_says_when_it_is_heard() -> None:
    desk, voice = Desk(), ArrayVoice(flat(1000))
    desk.render(512)
    desk.mixer.play(voice)
    desk.render(512, 256)
    assert voice.asked == [(256, desk.at(512)), (256, desk.at(768))]


@given(BUFFERS)
def test_what_plays_fades_out_under_the_next_voice_without_a_click(buffer: int) -> None:
    desk, old, new = Desk(), ArrayVoice(flat(RATE)), ArrayVoice(flat(3000, 0.0))
    desk.mixer.play(old)
    before = desk.render(1000, buffer)
    desk.mixer.play(new)
    heard = desk.render(2000, buffer)
    assert steepest(np.concatenate([before[-1:], heard])) <= 0.51 / FADE + 1e-6
    assert not heard[FADE:].any()
    assert old.retired == 1
    assert desk.mixer.voice is new


def test_fade_in_is_the_mirror_of_fade_out() -> None:
    desk = Desk()
    desk.mixer.play(ArrayVoice(flat(RATE)))
    desk.render(1000)
    desk.mixer.play(ArrayVoice(flat(RATE)), fade_in=True)
    np.testing.assert_allclose(desk.render(1000), flat(1000), atol=1e-6)


@given(BUFFERS, st.integers(1, 2000))
def test_a_voice_that_follows_leaves_no_gap(buffer: int, frames: int) -> None:
    desk = Desk()
    sound = noise(frames + 700)
    desk.mixer.play(ArrayVoice(sound[:frames]))
    desk.mixer.follow(ArrayVoice(sound[frames:]))
    np.testing.assert_array_equal(desk.render(frames + 700, buffer), sound)


def test_stop_fades_and_forgets_what_waits() -> None:
    desk, voices = Desk(), [ArrayVoice(flat(RATE)) for _ in range(3)]
    desk.mixer.play(voices[0])
    desk.mixer.play(voices[1], desk.at(5000))
    desk.mixer.follow(voices[2])
    before = desk.render(512)
    desk.mixer.stop()
    heard = desk.render(9000)
    assert steepest(np.concatenate([before, heard])[1:]) <= 0.51 / FADE + 1e-6
    assert not heard[FADE:].any()
    assert [voice.retired for voice in voices] == [1, 1, 1]


def test_stopping_one_voice_leaves_another_one_alone() -> None:
    desk, playing, other = Desk(), ArrayVoice(flat(RATE)), ArrayVoice(flat(RATE))
    desk.mixer.play(playing)
    desk.mixer.follow(other)
    desk.render(256)
    desk.mixer.stop(other)
    assert desk.render(2000).all()
    assert (playing.retired, other.retired) == (0, 1)


def test_panic_is_silent_from_the_next_frame_on() -> None:
    desk, voice = Desk(), ArrayVoice(flat(RATE))
    desk.mixer.play(voice)
    desk.render(256)
    desk.mixer.panic()
    assert not desk.render(2000).any()
    assert voice.retired == 1


def test_a_gap_inside_a_voice_is_one_underrun_and_its_end_is_none() -> None:
    desk, voice = Desk(), LiveVoice(RATE, moved=lambda sample, at_ns: None)
    desk.mixer.play(voice)
    voice.write(flat(300))
    assert desk.render(2048)[:300].all()
    assert desk.mixer.gaps == 1
    voice.write(flat(300))
    voice.finish()
    desk.render(2048)
    assert desk.mixer.gaps == 1
    assert desk.mixer.voice is None


@pytest.mark.parametrize("rate", [44_100, 32_000, 96_000])
@pytest.mark.parametrize("buffer", [128, 1000])
def test_a_voice_of_another_rate_is_converted(rate: int, buffer: int) -> None:
    desk, sound = Desk(), noise(rate // 4)
    desk.mixer.play(ArrayVoice(sound, rate))
    heard = desk.render(RATE // 4 + 1000, buffer)
    wanted = soxr.resample(sound, rate, RATE)
    np.testing.assert_allclose(heard[: len(wanted)], wanted, atol=2e-4)
    assert not heard[len(wanted) + 1 :].any()
    assert desk.mixer.gaps == 0
    assert desk.mixer.voice is None


def test_a_voice_goes_on_when_the_output_changes_its_rate() -> None:
    desk, voice = Desk(), ArrayVoice(flat(RATE))
    desk.mixer.play(voice)
    desk.render(1000)
    desk.mixer.retune(44_100)
    heard = desk.render(2000)
    assert heard[-1, 0] == pytest.approx(0.5, abs=1e-3)
    assert desk.mixer.voice is voice


class Broken(ArrayVoice):
    def read(self, frames: int, at_ns: int) -> Samples:
        raise ZeroDivisionError


def test_a_voice_that_raises_is_dropped_and_the_next_one_plays(caplog: Any) -> None:
    desk, broken = Desk(), Broken(flat(10))
    desk.mixer.play(broken)
    assert not desk.render(1000).any()
    assert broken.retired == 1
    assert "was dropped" in caplog.text
    desk.mixer.play(ArrayVoice(flat(1000)))
    assert desk.render(1000).all()


@given(BUFFERS, st.floats(-70, 6), st.floats(-70, 6))
def test_a_turned_gain_glides_and_arrives(buffer: int, start: float, end: float) -> None:
    desk = Desk()
    desk.mixer.gain.decibels = start
    desk.mixer.play(ArrayVoice(flat(RATE)))
    before = desk.render(4096)
    desk.mixer.gain.decibels = end
    heard = np.concatenate([before[2048:], desk.render(30_000, buffer)])
    assert steepest(heard) <= 0.5 * 2.0 / 900
    factor = 10 ** (end / 20) if end > -60 else 0.0
    assert heard[-1, 0] == pytest.approx(0.5 * factor, abs=1e-5)


def test_the_peak_is_the_greatest_since_it_was_reset_after_the_gain() -> None:
    desk = Desk()
    desk.mixer.play(ArrayVoice(np.concatenate([flat(256, 0.25), flat(256, -0.75), flat(9, 0.1)])))
    desk.render(1024)
    assert desk.mixer.peak == pytest.approx(0.75)
    desk.mixer.peak = 0.0
    desk.render(1024)
    assert desk.mixer.peak == 0.0


def test_the_test_voices_keep_the_protocol() -> None:
    fed = LiveVoice(RATE, moved=lambda sample, at_ns: None)
    voices: list[Voice] = [ArrayVoice(flat(1)), fed]
    assert all(voice.rate == RATE for voice in voices)


class Malformed(ArrayVoice):
    """Gives what no voice may give."""

    def read(self, frames: int, at_ns: int) -> Samples:
        return self._sound[:frames]


@pytest.mark.parametrize(
    "sound",
    [np.zeros((99, 3), np.float32), np.zeros(99, np.float32), flat(99, np.nan), flat(99, np.inf)],
    ids=["three channels", "one dimension", "NaN", "infinity"],
)
def test_what_cannot_be_mixed_is_dropped_once_and_the_next_is_heard(sound: Samples) -> None:
    desk, broken = Desk(), Malformed(sound)
    desk.mixer.play(broken)
    with pytest.raises(ValueError, match=r".+"):
        desk.render(64, 64)
    assert broken.retired == 1
    assert not desk.render(64).any()
    desk.mixer.play(ArrayVoice(flat(100)))
    assert desk.render(64).all()
    assert np.isfinite(desk.mixer.peak)


def test_a_voice_that_cannot_be_converted_is_retired(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*arguments: object, **options: object) -> None:
        raise RuntimeError("no such ratio")

    monkeypatch.setattr(soxr, "ResampleStream", fail)
    desk, voice = Desk(), ArrayVoice(flat(100), 44_100)
    desk.mixer.play(voice)
    assert not desk.render(64).any()
    assert voice.retired == 1
