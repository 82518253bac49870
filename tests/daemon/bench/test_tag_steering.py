"""What is counted of instrument and energy tags, on material whose answer is known."""

from __future__ import annotations

import random

import numpy as np

from mula_daemon.bench.knobs import homes, onsets, share_with
from mula_daemon.engine.mini import tags, tokens
from mula_daemon.engine.mini.train.material import compose


def test_every_instrument_has_a_genre_that_plays_it_at_times() -> None:
    found = homes()
    assert set(found) == set(tags.INSTRUMENTS)
    for tag in ("flute", "piano", "congas"):
        pieces = [compose(found[tag], random.Random(number)).tags for number in range(40)]
        assert 0 < sum(tag in piece for piece in pieces) < 40


def test_an_instrument_is_counted_in_the_clips_it_sounds_in() -> None:
    pieces = [compose("jazz", random.Random(number)) for number in range(12)]
    share = share_with(np.stack([piece.codes for piece in pieces]), "saxophone")
    assert share == np.mean(["saxophone" in piece.tags for piece in pieces])
    assert 0 < share < 1


def test_onsets_are_neither_rests_nor_held_notes_nor_the_mix() -> None:
    clip = np.zeros((1, 2 * tokens.STEPS_PER_BAR, 8), np.int64)
    clip[0, :, tokens.TEXTURE] = 9
    assert onsets(clip) == 0
    clip[0, 0, tokens.BASS] = tokens.note_code(0, 0)
    clip[0, 1:5, tokens.BASS] = tokens.HOLD
    clip[0, 0, tokens.KICK] = tokens.drum_code(0, 0)
    assert onsets(clip) == 1.0


def test_energetic_material_has_more_onsets_than_calm() -> None:
    calm, energetic = (
        np.stack([compose("house", random.Random(n), energy=energy).codes for n in range(20)])
        for energy in ("calm", "energetic")
    )
    assert onsets(calm) < onsets(energetic)
