from itertools import pairwise

import numpy as np
import pytest

from mula_daemon.engine.mini import tokens
from mula_daemon.engine.mini.synth.drummer import Drummer
from mula_daemon.engine.mini.synth.drums import one_shots
from mula_daemon.engine.mini.synth.sound import Setting
from mula_daemon.engine.mini.tokens import HATS, KICK, PERCUSSION, DrumHit

RATE = 48_000
VOICES = [(book, voice) for book, voices in enumerate(tokens.DRUM_VOICES) for voice in voices]


def shot(book: int, voice: str, level: int = 2) -> np.ndarray:
    return one_shots(RATE)[book][voice][level]


def spectrum(sound: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    power = np.abs(np.fft.rfft(sound.mean(axis=0).astype(float), 1 << 16)) ** 2
    return np.fft.rfftfreq(1 << 16, 1 / RATE), power


def drummer(book: int, bpm: float = 120.0) -> Drummer:
    return Drummer(book, None, Setting(RATE, bpm, np.random.default_rng(0)))


def hit(book: int, voice: str, velocity: int = 2) -> DrumHit:
    return DrumHit(tokens.DRUM_VOICES[book].index(voice), velocity)


@pytest.mark.parametrize(("book", "voice"), VOICES)
def test_every_one_shot_is_clean(book, voice):
    sound = shot(book, voice)
    assert sound.dtype == np.float32 and sound.shape[0] == 2
    assert np.isfinite(sound).all()
    assert 0.05 < np.abs(sound).max() < 1.0
    assert np.abs(sound[:, -1]).max() < 1e-3
    assert abs(sound.mean()) < 1e-3


def test_no_two_voices_of_a_codebook_are_alike():
    for voices in one_shots(RATE):
        prints = {}
        for voice, levels in voices.items():
            if voice == "roll808":  # the closed hat, rolled
                continue
            _, power = spectrum(levels[2])
            edges = np.geomspace(40, len(power), 33).astype(int)
            bands = np.sqrt([power[a:b].sum() for a, b in pairwise(edges)])
            decay = np.cumsum(levels[2][0] ** 2) / np.sum(levels[2][0] ** 2)
            prints[voice] = (bands / bands.sum(), np.searchsorted(decay, 0.9) / RATE)
        names = list(prints)
        for i, one in enumerate(names):
            for other in names[i + 1 :]:
                colour = np.abs(prints[one][0] - prints[other][0]).sum()
                length = abs(np.log(prints[one][1] / prints[other][1]))
                assert colour + length > 0.1, (one, other)


@pytest.mark.parametrize("voice", tokens.KICK_VOICES)
def test_kicks_have_their_weight_at_the_bottom(voice):
    hz, power = spectrum(shot(KICK, voice))
    assert 44 <= hz[power.argmax()] <= 72
    assert np.abs(shot(KICK, voice)[0] - shot(KICK, voice)[1]).max() < 1e-6


@pytest.mark.parametrize("voice", [v for v in tokens.HAT_VOICES if v != "lofi"])
def test_hats_live_above_four_kilohertz(voice):
    hz, power = spectrum(shot(HATS, voice))
    share = power[hz > 4000].sum() / power.sum()
    assert share > (0.5 if voice == "ride" else 0.85)


def test_louder_strokes_are_louder_and_brighter():
    ghost, accent = shot(1, "rock", 0), shot(1, "rock", 2)
    assert np.sum(ghost**2) < np.sum(accent**2) / 4
    hz, soft = spectrum(ghost)
    _, hard = spectrum(accent)
    assert soft[hz > 5000].sum() / soft.sum() < hard[hz > 5000].sum() / hard.sum()


def test_a_roll_strikes_several_times_in_the_sixteenth():
    for level, strikes in enumerate(tokens.ROLL_HITS):
        hats = drummer(HATS)
        hats.hit(hit(HATS, "roll808", level), 0)
        sound = np.abs(hats.render(6000)).max(axis=0)
        gap = 6000 // strikes
        for i in range(1, strikes):
            just_before = sound[i * gap - 200 : i * gap - 10].max()
            assert sound[i * gap : i * gap + 200].max() > 1.3 * just_before


def test_hits_ring_on_over_blocks_of_any_size():
    whole, split = drummer(PERCUSSION), drummer(PERCUSSION)
    whole.hit(hit(PERCUSSION, "crash"), 100)
    split.hit(hit(PERCUSSION, "crash"), 100)
    parts = [split.render(n) for n in (50, 950, 3000, 2000)]
    np.testing.assert_array_equal(whole.render(6000), np.concatenate(parts, axis=1))


def test_a_closed_hat_chokes_an_open_one():
    choked, free = drummer(HATS), drummer(HATS)
    for hats in (choked, free):
        hats.hit(hit(HATS, "open909"), 0)
        hats.render(3000)
    choked.hit(hit(HATS, "closed909"), 0)
    late = slice(9000, 12000)
    assert (
        np.abs(choked.render(12000)[:, late]).max()
        < 0.2 * np.abs(free.render(12000)[:, late]).max()
    )


def test_a_reversed_cymbal_ends_on_the_beat():
    percussion = drummer(PERCUSSION)
    percussion.hit(hit(PERCUSSION, "reverse"), 0)
    sound = np.abs(percussion.render(12 * 6000)).max(axis=0)
    half = 4 * 6000
    assert sound[half : 2 * half].max() > 3 * sound[:half].max()
    assert sound[2 * half + 10 :].max() == 0
