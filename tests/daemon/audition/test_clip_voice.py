"""A clip as it is heard: sample for sample, round and round, while it is being written."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mula_daemon.audio.samples import Samples
from mula_daemon.audition.clip_voice import ClipVoice
from mula_daemon.audition.tape import Tape
from support.takes import noise

RATE = 48_000
BPM = 120.0
BEAT = RATE // 2


def read(voice: ClipVoice, sizes: list[int], start_ns: int = 0) -> Samples:
    """Read as a feeder does, each block heard right after the one before."""
    parts, at = [], 0
    for size in sizes:
        parts.append(voice.read(size, start_ns + at * 1_000_000_000 // RATE))
        at += size
    return np.concatenate(parts)


sizes = st.lists(st.integers(0, 700), min_size=1, max_size=30)


@given(sizes, st.integers(1, 900))
def test_a_loop_is_the_clip_again_and_again_with_nothing_between(
    blocks: list[int], length: int
) -> None:
    clip = noise(length)
    heard = read(ClipVoice(Tape.of(clip, RATE), BPM, loop=True), blocks)
    wanted = np.tile(clip, (sum(blocks) // length + 1, 1))[: sum(blocks)]
    np.testing.assert_array_equal(heard, wanted)


@given(sizes)
def test_without_a_loop_it_is_the_clip_but_for_a_fade_at_its_end(blocks: list[int]) -> None:
    clip = noise(1000)
    voice = ClipVoice(Tape.of(clip, RATE), BPM)
    heard = read(voice, blocks)
    assert len(heard) == min(1000, sum(blocks))
    assert voice.ended == (sum(blocks) >= 1000)
    np.testing.assert_array_equal(heard[:760], clip[: min(760, len(heard))])
    faded = heard[760:]
    assert np.all(np.abs(faded) <= np.abs(clip[760 : 760 + len(faded)]))
    if len(heard) == 1000:
        assert not heard[-1].any()


@given(st.lists(st.tuples(st.booleans(), st.integers(1, 400)), max_size=40), st.booleans())
def test_a_clip_that_is_being_written_is_heard_as_far_as_it_is_there(
    script: list[tuple[bool, int]], loop: bool
) -> None:
    clip = noise(1500)
    tape = Tape(RATE, len(clip))
    voice = ClipVoice(tape, BPM, loop=loop)
    heard: list[Samples] = []
    for writes, count in script:
        if writes:
            tape.append(clip[tape.filled : tape.filled + count])
        else:
            taken = sum(map(len, heard))
            block = voice.read(count, 0)
            assert len(block) <= count
            if not tape.whole:
                assert len(block) == min(count, tape.filled - taken)
                assert not voice.ended
            heard.append(block)
    tape.append(clip[tape.filled :])
    while not voice.ended and sum(map(len, heard)) < 3000:
        heard.append(voice.read(256, 0))
    sound = np.concatenate(heard)
    np.testing.assert_array_equal(sound[:1260], clip[:1260])
    if loop:
        np.testing.assert_array_equal(sound[1500:2760], clip[:1260])


def test_a_take_that_was_given_up_ends_where_it_ends() -> None:
    tape = Tape(RATE, 1000)
    tape.append(noise(300))
    voice = ClipVoice(tape, BPM, loop=True)
    assert len(voice.read(400, 0)) == 300
    assert not voice.ended
    tape.close()
    assert voice.ended
    assert len(voice.read(400, 0)) == 0


@pytest.mark.parametrize("channels", [1, 2, 3])
def test_any_number_of_channels_is_heard_with_two_ears(channels: int) -> None:
    clip = noise(100, channels)
    heard = ClipVoice(Tape.of(clip, RATE), BPM, loop=True).read(100, 0)
    np.testing.assert_array_equal(heard[:, 0], clip[:, 0])
    np.testing.assert_array_equal(heard[:, 1], clip[:, min(1, channels - 1)])


def test_a_gain_is_exact_from_the_first_sample_and_a_change_of_it_glides() -> None:
    clip = np.ones((4000, 2), np.float32)
    voice = ClipVoice(Tape.of(clip, RATE), BPM, loop=True, gain_db=-20.0)
    np.testing.assert_allclose(voice.read(500, 0), 0.1, rtol=1e-6)
    voice.gain.decibels = 0.0
    glide = np.concatenate([voice.read(100, 0) for _ in range(12)])[:, 0]
    assert np.all(np.diff(glide) >= 0) and np.max(np.diff(glide)) < 0.002
    np.testing.assert_array_equal(voice.read(100, 0), 1.0)


def test_it_knows_at_which_beat_it_is_heard() -> None:
    voice = ClipVoice(Tape.of(noise(4 * BEAT), RATE), BPM, loop=True)
    assert voice.place(0) == (0.0, 0)
    assert not voice.began
    voice.read(BEAT, 1_000_000_000)
    assert voice.began
    for seconds, beat in ((1.0, 0.0), (1.5, 1.0), (2.75, 3.5), (3.25, 0.5)):
        assert voice.place(round(seconds * 1e9))[0] == pytest.approx(beat)
    once = ClipVoice(Tape.of(noise(4 * BEAT), RATE), BPM)
    once.read(BEAT, 0)
    assert once.place(60_000_000_000)[0] == pytest.approx(4.0)


@given(st.floats(0, 3.9), st.integers(0, 3_000_000_000))
def test_it_joins_another_clip_in_step(beat: float, later_ns: int) -> None:
    clip = np.arange(4 * BEAT, dtype=np.float32)[:, np.newaxis].repeat(2, axis=1)
    voice = ClipVoice(Tape.of(clip, RATE), BPM, loop=True, join=(beat, 500))
    first = float(voice.read(10, 500 + later_ns)[0, 0])
    wanted = (beat * BEAT + later_ns * RATE / 1e9) % len(clip)
    assert min(abs(first - wanted), len(clip) - abs(first - wanted)) <= 1.0


def test_it_joins_at_the_begin_what_is_not_yet_written_that_far() -> None:
    tape = Tape(RATE, 4 * BEAT)
    tape.append(noise(BEAT))
    voice = ClipVoice(tape, BPM, join=(2.0, 0))
    np.testing.assert_array_equal(voice.read(10, 0), noise(BEAT)[:10])


def test_a_retired_voice_has_ended_and_wakes_who_waits_for_that() -> None:
    voice = ClipVoice(Tape.of(noise(100), RATE), BPM, loop=True)
    assert not voice.ended and not voice.retired.wait(0.0)
    voice.retire()
    assert voice.ended and voice.retired.is_set()
