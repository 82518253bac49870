from __future__ import annotations

import threading

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from mula_daemon.audio.ring import Ring

MOVES = st.lists(st.tuples(st.sampled_from(["write", "read"]), st.integers(0, 40)), max_size=60)


def ramp(start: int, count: int) -> np.ndarray:
    """Frames numbered from ``start``, none of them zero; the right channel is the negative."""
    numbers = np.arange(start, start + count, dtype=np.float32)
    return np.stack([numbers, -numbers], axis=1)


@given(MOVES, st.integers(1, 50))
def test_what_comes_out_is_what_went_in_plus_counted_zeros(
    moves: list[tuple[str, int]], capacity: int
) -> None:
    ring = Ring(capacity, 2)
    sent = 1
    heard = []
    for move, count in moves:
        if move == "write":
            room = capacity - ring.fill
            assert ring.write(ramp(sent, count)) == min(count, room)
            sent += min(count, room)
        else:
            out = np.full((count, 2), 9.9, np.float32)
            got = ring.read_into(out)
            assert not out[got:].any()
            heard.append(out)
    everything = np.concatenate([*heard, np.zeros((0, 2), np.float32)])
    audio = everything[everything[:, 0] != 0]
    np.testing.assert_array_equal(audio, ramp(1, len(audio)))
    assert len(everything) - len(audio) == ring.zeros
    assert len(audio) + ring.fill == sent - 1


@given(st.integers(0, 30), st.integers(0, 30))
def test_skipping_drops_what_was_written_before_the_mark_and_nothing_after(
    before: int, after: int
) -> None:
    ring = Ring(64, 2)
    ring.write(ramp(1, before))
    mark = ring.written
    ring.write(ramp(1000, after))
    ring.skip_to(mark)
    out = np.zeros((after, 2), np.float32)
    assert ring.read_into(out) == after
    np.testing.assert_array_equal(out, ramp(1000, after))
    ring.skip_to(mark)
    assert ring.fill == 0


def test_two_threads_lose_no_frame_and_invent_none() -> None:
    ring = Ring(997, 2)
    total = 40_000
    done = threading.Event()

    def produce() -> None:
        sent = 0
        while sent < total:
            sent += ring.write(ramp(1 + sent, min(331, total - sent)))
        done.set()

    writer = threading.Thread(target=produce)
    writer.start()
    heard = []
    while not done.is_set() or ring.fill:
        out = np.empty((256, 2), np.float32)
        ring.read_into(out)
        heard.append(out)
    writer.join()
    everything = np.concatenate(heard)
    audio = everything[everything[:, 0] != 0]
    np.testing.assert_array_equal(audio, ramp(1, total))
    assert len(everything) == total + ring.zeros
