from __future__ import annotations

import threading
from time import monotonic

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from mula_daemon.audio.stream_voice import StreamVoice
from support.takes import noise

RATE = 48_000


@given(st.lists(st.integers(1, 900), max_size=8), st.lists(st.integers(1, 900), max_size=20))
def test_what_is_read_is_what_was_written_however_it_is_cut(
    blocks: list[int], reads: list[int]
) -> None:
    voice, sound = StreamVoice(RATE), noise(sum(blocks))
    start = 0
    for size in blocks:
        voice.write(sound[start : start + size])
        start += size
    voice.finish()
    heard = np.concatenate([np.empty((0, 2), np.float32)] + [voice.read(n, 0) for n in reads])
    np.testing.assert_array_equal(heard, sound[: sum(reads)])
    assert voice.ended == (sum(reads) >= sum(blocks))
    assert voice.queued == max(0, sum(blocks) - sum(reads))


def test_it_begins_a_margin_after_the_first_block_and_calls_that_no_gap() -> None:
    voice = StreamVoice(RATE, margin=0.01)
    assert len(voice.read(1000, 0)) == 1000
    voice.write(noise(2000))
    heard = np.concatenate([voice.read(256, 0) for _ in range(4)])
    assert not heard[:480].any()
    np.testing.assert_array_equal(heard[480:], noise(2000)[:544])


def test_it_knows_when_each_frame_is_heard() -> None:
    voice = StreamVoice(RATE, margin=0.01)
    assert voice.heard_ns(0) is None
    voice.write(noise(4800))
    voice.read(960, 1_000_000)
    assert voice.heard_ns(0) == 1_000_000 + 10_000_000
    assert voice.heard_ns(2400) == 1_000_000 + 60_000_000
    voice.read(960, 900_000_000)
    assert voice.heard_ns(480) == 900_000_000


def test_a_writer_waits_for_room_and_is_let_go_when_the_voice_is_retired() -> None:
    voice = StreamVoice(RATE)
    voice.write(noise(4800))
    assert voice.wait_below(4800, 1.0)
    threading.Timer(0.05, lambda: voice.read(2400, 0)).start()
    assert voice.wait_below(2400, 5.0)
    threading.Timer(0.05, voice.retire).start()
    began = monotonic()
    assert voice.wait_below(100, 5.0)
    assert monotonic() - began < 2.0
    voice.write(noise(100))
    assert voice.ended
    assert voice.written == 4800


def test_a_writer_gives_up_when_nothing_is_read() -> None:
    voice = StreamVoice(RATE)
    voice.write(noise(100))
    assert not voice.wait_below(0, 0.05)
