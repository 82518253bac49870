from __future__ import annotations

from collections.abc import Callable, Iterator
from time import monotonic, perf_counter_ns, sleep

import numpy as np
import pytest

from mula_daemon.audio import speaker as speaker_module
from mula_daemon.audio.outlet import Nowhere, Outlet
from mula_daemon.audio.samples import SECOND_NS, Samples
from mula_daemon.audio.speaker import Speaker
from support.takes import noise
from support.voices import ArrayVoice, flat


class Kept(Nowhere):
    """Nowhere, but it keeps what it was given."""

    def __init__(self, rate: int = 48_000) -> None:
        super().__init__(rate)
        self.sound: list[Samples] = []
        self.muted = 0

    def write(self, frames: Samples, *, sounding: bool) -> None:
        super().write(frames, sounding=sounding)
        if sounding or frames.any():
            self.sound.append(frames)

    def mute(self) -> None:
        self.muted += 1

    def heard(self) -> Samples:
        return np.concatenate([np.empty((0, 2), np.float32), *self.sound])


class Bench:
    def __init__(self) -> None:
        self.outlet = Kept()
        self.speaker = Speaker(self._now)
        self.speaker.feeder.start()

    def _now(self) -> Outlet:
        return self.outlet


@pytest.fixture
def bench() -> Iterator[Bench]:
    bench = Bench()
    yield bench
    bench.speaker.feeder.stop()


def eventually(holds: Callable[[], bool]) -> None:
    end = monotonic() + 5
    while not holds():
        assert monotonic() < end
        sleep(0.005)


def test_a_voice_goes_to_the_outlet_and_ends(bench: Bench) -> None:
    voice = ArrayVoice(noise(9600))
    bench.speaker.play(voice)
    eventually(lambda: voice.retired == 1)
    np.testing.assert_array_equal(bench.outlet.heard()[:9600], noise(9600))
    assert bench.speaker.stats().underruns == 0


def test_a_voice_is_placed_at_its_time(bench: Bench) -> None:
    voice, at_ns = ArrayVoice(flat(480)), perf_counter_ns() + 150_000_000
    bench.speaker.play(voice, at_ns)
    eventually(lambda: voice.retired == 1)
    assert abs(voice.asked[0][1] - at_ns) < 30_000


def test_a_voice_goes_on_through_another_outlet(bench: Bench) -> None:
    voice, first = ArrayVoice(flat(48_000)), bench.outlet
    bench.speaker.play(voice)
    eventually(lambda: len(first.heard()) > 1000)
    bench.outlet = Kept(44_100)
    eventually(lambda: len(bench.outlet.heard()) > 1000)
    assert bench.speaker.rate == 44_100
    assert bench.speaker.voice is voice


def test_panic_mutes_what_was_written(bench: Bench) -> None:
    bench.speaker.play(ArrayVoice(flat(48_000)))
    eventually(lambda: bench.speaker.voice is not None)
    bench.speaker.panic()
    eventually(lambda: bench.outlet.muted == 1)
    assert bench.speaker.voice is None


class Raising(ArrayVoice):
    def read(self, frames: int, at_ns: int) -> Samples:
        raise RuntimeError("a bug in a voice")


def test_a_voice_that_fails_is_told_and_the_next_one_plays(bench: Bench) -> None:
    told: list[str] = []
    bench.speaker.feeder.on_fault = lambda service, what, error: told.append(f"{what}: {error}")
    failing, voice = Raising(flat(100)), ArrayVoice(flat(480))
    bench.speaker.play(failing)
    eventually(lambda: failing.retired == 1)
    bench.speaker.play(voice)
    eventually(lambda: voice.retired == 1)
    assert told == ["Raising was not played on: a bug in a voice"]
    assert bench.outlet.heard().any()


def test_the_pulse_shows_that_it_lives(bench: Bench) -> None:
    pulse = bench.speaker.pulse
    eventually(lambda: bench.speaker.pulse > pulse)
    bench.speaker.feeder.stop()
    pulse = bench.speaker.pulse
    sleep(0.02)
    assert bench.speaker.pulse == pulse


def test_the_time_that_a_machine_is_awake_is_counted_in_looks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = 0
    monkeypatch.setattr(speaker_module, "perf_counter_ns", lambda: now)
    speaker = Speaker()
    for passed in (4_000_000, 10_000_000, 3_600 * SECOND_NS, 4_000_000):
        now += passed
        speaker._look()
    assert speaker.awake_ns == 268_000_000  # an hour's sleep is as long as the longest look
