import random

import numpy as np
import pytest

from mula_daemon.engine.mini import tags, tokens
from mula_daemon.engine.mini.train.genre import genres, strokes
from mula_daemon.engine.mini.train.material import compose, settle
from mula_daemon.engine.mini.train.variety import variety


@pytest.mark.parametrize("genre", tags.GENRES)
def test_every_code_means_something_and_bars_are_whole(genre: str) -> None:
    for seed in range(12):
        piece = compose(genre, random.Random(seed), 8 + 8 * (seed % 2))
        assert piece.codes.shape == (16 * (8 + 8 * (seed % 2)), 8)
        limits = [tokens.codes_in(codebook) for codebook in range(8)]
        assert (piece.codes >= 0).all()
        assert (piece.codes < limits).all()
        assert piece.tags[0] == genre
        assert set(piece.tags) <= set(tags.TAGS)


def test_the_same_seed_is_the_same_piece() -> None:
    one, two = (compose("jazz", random.Random(7)) for _ in range(2))
    assert (one.codes == two.codes).all()
    assert one.tags == two.tags


@pytest.mark.slow
def test_no_two_of_ten_thousand_are_alike() -> None:
    found = variety(10_000).values()
    assert sum(one.different_pieces for one in found) == 10_000
    assert all(one.different_bars > 1_000 for one in found)


def test_mood_and_energy_can_be_asked_for() -> None:
    piece = compose("house", random.Random(3), mood="sad", energy="calm")
    assert piece.tags[:3] == ("house", "sad", "calm")
    plain = compose("house", random.Random(3), energy="")
    assert not set(plain.tags) & set(tags.ENERGIES)
    with pytest.raises(KeyError):
        compose("polka", random.Random(0))


def test_energy_is_heard_in_the_number_of_hits() -> None:
    def hits(energy: str) -> float:
        return float(
            np.mean(
                [
                    (compose(genre, random.Random(seed), energy=energy).codes[:, :4] > 0).mean()
                    for genre in tags.GENRES
                    for seed in range(10)
                ]
            )
        )

    assert hits("calm") < hits("") < hits("energetic")


def bars_of(codes: np.ndarray) -> list[bytes]:
    return [bar.tobytes() for bar in codes.reshape(-1, tokens.STEPS_PER_BAR, 8)]


@pytest.mark.parametrize("genre", tags.GENRES)
def test_a_phrase_is_more_than_one_bar_eight_times(genre: str) -> None:
    different = [len(set(bars_of(compose(genre, random.Random(s)).codes))) for s in range(20)]
    assert np.mean(different) >= 4
    assert min(different) >= 2


def test_fills_come_at_the_ends_of_phrases() -> None:
    """The snare of bar 8 differs from bar 7 far more often than bar 2 from bar 1."""

    def changes(genre: str, bar: int) -> float:
        changed = []
        for seed in range(40):
            snare = compose(genre, random.Random(seed)).codes[:, tokens.SNARE].reshape(8, 16)
            changed.append((snare[bar] != snare[bar - 1]).any())
        return float(np.mean(changed))

    for genre in ("techno", "house", "rock", "funk", "pop", "drum and bass"):
        assert changes(genre, 7) > changes(genre, 1)


def test_a_hold_always_holds_something() -> None:
    codes = np.zeros((4, 8), dtype=np.int16)
    codes[:, tokens.BASS] = [1, tokens.note_code(0, 0), 1, 0]
    settle(codes)
    assert codes[:, tokens.BASS].tolist() == [0, tokens.note_code(0, 0), 1, 0]


def test_every_pattern_is_whole_bars() -> None:
    for grammar in genres().values():
        for drum in grammar.drums.values():
            for one in drum.sets:
                for pattern in one.grooves + one.sparse + one.busy + drum.fills:
                    assert set(strokes(pattern)) <= set(".,xX:oO~rR_")
        for part, allowed in ((grammar.bass, ".-x12345678"), (grammar.chords, ".-xa")):
            for pitched in part.sets:
                for pattern in pitched.rhythms + pitched.sparse:
                    assert set(strokes(pattern)) <= set(allowed)
        for pitched in grammar.lead.sets:
            assert all(set(strokes(pattern)) <= set(".-x") for pattern in pitched.rhythms)
