"""A clip as a loop: its seam, its tail, its stems."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mula_daemon.engine.mini import tokens
from mula_daemon.engine.mini.notes.scale import KEYS
from mula_daemon.engine.mini.synth.bus import Bus
from mula_daemon.engine.mini.synth.clip_renderer import ClipRenderer
from mula_daemon.engine.mini.synth.synthesiser import Synthesiser
from mula_daemon.engine.mini.tokens import chord_code, drum_code, note_code, texture_code

RATE = 48_000

frames = st.tuples(*(st.integers(0, tokens.codes_in(book) - 1) for book in range(8)))


def frame(**codes: int) -> tuple[int, ...]:
    return tuple(codes.get(name, 0) for name in tokens.INSTRUMENTS)


def performed(codes, bpm: float = 120.0, key: str = "Amin", *, stems: bool = False, seed: int = 0):
    """The stream, and the loop made of it: mix ``[n, 2]``, stems ``[8, n, 2]`` or None."""
    renderer = ClipRenderer(Synthesiser(bpm, key, seed), len(codes), stems=stems)
    sounds = [renderer.render(row) for row in codes]
    stream = np.concatenate([sound.mix for sound in sounds])
    loop = stream.copy()
    parts = np.concatenate([sound.stems for sound in sounds], axis=1) if stems else None
    for sound in renderer.seam():
        loop[sound.at : sound.at + len(sound.mix)] = sound.mix
        if sound.stems is not None:
            parts[:, sound.at : sound.at + len(sound.mix)] = sound.stems
    return stream, loop, parts


HALL = texture_code(0, tokens.SPACES.index("hall"), 0, 0)
GROOVE = [
    frame(
        kick=drum_code(0, 2) if step % 4 == 0 else 0,
        snare=drum_code(0, 2) if step % 8 == 4 else 0,
        hats=drum_code(0, 1) if step % 2 else 0,
        bass=note_code(1, step % 5) if step % 2 else tokens.HOLD,
        chords=chord_code(1, 2, 1) if step == 12 else (tokens.HOLD if step > 12 else 0),
        texture=texture_code(1, 2, 1, 0),
    )
    for step in range(16)
]  # fmt: skip


@settings(deadline=None, max_examples=12)
@given(st.lists(frames, min_size=1, max_size=5), st.floats(60, 200), st.sampled_from(KEYS))
def test_any_clip_is_a_loop_of_the_same_length_under_the_ceiling(codes, bpm, key):
    stream, loop, stems = performed(codes, bpm, key, stems=True)
    assert stream.shape == loop.shape == stems.shape[1:]
    assert len(loop) == Synthesiser(bpm, key, 0).samples(len(codes))
    assert np.isfinite(loop).all()
    assert np.abs(loop).max() <= 0.9
    assert np.abs(stream[-1]).max() == 0.0


@pytest.mark.parametrize("bpm", [60.0, 97.3, 200.0])
def test_the_step_over_the_seam_is_like_any_other(bpm):
    for codes in (GROOVE, GROOVE * 3):
        _, loop, _ = performed(codes, bpm)
        usual = np.percentile(np.abs(np.diff(loop, axis=0)), 99.9, axis=0)
        assert (np.abs(loop[0] - loop[-1]) <= usual).all()


def test_what_rings_at_the_end_is_heard_over_the_head():
    codes = [frame(texture=HALL)] * 31 + [frame(snare=drum_code(5, 2), texture=HALL)]
    stream, loop, _ = performed(codes)
    head = slice(RATE // 4, RATE)
    assert not stream[:RATE].any()
    assert np.sqrt(np.mean(loop[head] ** 2)) > 1e-3
    middle = slice(3 * RATE, 31 * 6000)
    assert np.sqrt(np.mean(loop[middle] ** 2)) < 1e-4


def test_between_tail_and_end_the_loop_is_what_was_heard_live():
    codes = GROOVE * 4
    stream, loop, _ = performed(codes)
    differs = np.flatnonzero((stream != loop).any(axis=1))
    assert differs[0] < RATE
    middle = slice(int(4.8 * RATE), len(loop) - RATE // 100)
    np.testing.assert_array_equal(stream[middle], loop[middle])
    # Where the head goes over into the rest nothing jumps.
    joint = differs[differs < len(loop) - RATE // 100][-1]
    usual = np.percentile(np.abs(np.diff(loop, axis=0)), 99.9)
    assert np.abs(np.diff(loop[joint - 5 : joint + 5], axis=0)).max() <= usual


def test_the_end_of_the_loop_is_not_faded():
    codes = [frame(chords=chord_code(4, 0, 0))] + [frame(chords=tokens.HOLD)] * 31
    stream, loop, _ = performed(codes)
    assert np.abs(stream[-20:]).max() < 0.2 * np.abs(loop[-2000:]).max()
    assert np.abs(loop[-200:]).max() > 0.3 * np.abs(loop[-2000:]).max()


def test_the_kick_of_the_head_chokes_the_one_that_rings_and_ducks_the_rest():
    tail = [frame()] * 12 + [frame(kick=drum_code(3, 2), chords=chord_code(0, 0, 0))] + (
        [frame(chords=tokens.HOLD)] * 3
    )  # fmt: skip
    pump = texture_code(0, 0, 2, 0)
    beaten = [frame(kick=drum_code(3, 2), texture=pump), *tail[1:]]
    *_, free = performed(tail, stems=True)
    *_, choked = performed(beaten, stems=True)
    alone = performed([beaten[0], *[frame()] * 15], stems=True)[2]
    after = slice(RATE // 50, RATE // 10)
    # Free, the long kick of the end sounds over the head; choked, only the head's own does.
    assert np.abs(free[0][after]).max() > 0.05
    np.testing.assert_allclose(choked[0][after], alone[0][after], atol=1e-4)
    assert np.abs(choked[5][after]).max() < 0.6 * np.abs(free[5][after]).max()


def test_stems_add_up_to_the_mix_before_the_bus():
    codes = GROOVE * 2
    _, loop, stems = performed(codes, stems=True)
    without = performed(codes)[1]
    np.testing.assert_array_equal(loop, without)
    synthesiser, bus = Synthesiser(120.0, "Amin", 0), Bus(RATE)
    edges = [synthesiser.samples(index) for index in range(len(codes) + 1)]
    total = stems.sum(axis=0)
    # Twice round, so that the bus knows the end when it comes to the head.
    for _ in range(2):
        mixed = [bus.render(total[a:b].T).T for a, b in pairwise(edges)]
    np.testing.assert_allclose(np.concatenate(mixed), loop, atol=2e-3)


def test_stems_are_the_same_whether_the_clip_is_a_loop_or_not_after_its_tail():
    codes = GROOVE * 4
    stems = performed(codes, stems=True)[2]
    synthesiser = Synthesiser(120.0, "Amin", 0)
    dry = np.concatenate([synthesiser.render_stems(row) for row in codes], axis=1)
    late = slice(5 * RATE, None)
    np.testing.assert_array_equal(stems[:, late], dry[:, late])


def test_silence_stays_silence():
    stream, loop, stems = performed([frame()] * 4, stems=True)
    assert not stream.any() and not loop.any() and not stems.any()
