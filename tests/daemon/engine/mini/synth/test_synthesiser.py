"""Laws of the whole: any codes, any tempo, any key."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mula_daemon.engine.mini import tokens
from mula_daemon.engine.mini.notes.scale import KEYS
from mula_daemon.engine.mini.synth.synthesiser import Synthesiser
from mula_daemon.engine.mini.tokens import (
    BASS,
    CHORDS,
    HOLD,
    KICK,
    LEAD,
    PITCHED_VOICES,
    REST,
    TEXTURE,
    chord_code,
    drum_code,
    note_code,
    texture_code,
)

RATE = 48_000

frames = st.tuples(*(st.integers(0, tokens.codes_in(book) - 1) for book in range(8)))
pieces = st.lists(frames, min_size=1, max_size=6)
tempos = st.floats(40, 240)
seeds = st.integers(-(2**70), 2**70)


def frame(**codes: int) -> list[int]:
    """A frame with some codes set, by instrument."""
    return [codes.get(name, 0) for name in tokens.INSTRUMENTS]


def first_note(book: int, voice: str, degree: int = 0) -> int:
    index = PITCHED_VOICES[book].index(voice)
    return chord_code(index, degree, 0) if book == CHORDS else note_code(index, degree)


def stem(book: int, codes: list[int], key: str = "Amin", bpm: float = 120) -> np.ndarray:
    """One instrument alone, ``[n, 2]``."""
    synthesiser = Synthesiser(bpm, key, 0)
    name = tokens.INSTRUMENTS[book]
    return np.concatenate([synthesiser.render_stems(frame(**{name: c}))[book] for c in codes])


@settings(deadline=None, max_examples=20)
@given(pieces, tempos, st.sampled_from(KEYS), seeds)
def test_any_codes_give_clean_sound_of_the_exact_length(piece, bpm, key, seed):
    synthesiser = Synthesiser(bpm, key, seed)
    sound = np.concatenate([synthesiser.render(codes) for codes in piece])
    assert sound.dtype == np.float32 and sound.shape == (synthesiser.samples(len(piece)), 2)
    assert np.isfinite(sound).all()
    assert np.abs(sound).max() <= 0.9
    assert synthesiser.frame == len(piece)


@settings(deadline=None, max_examples=8)
@given(pieces, tempos, st.sampled_from(KEYS), seeds)
def test_the_same_codes_give_the_same_samples_however_asked(piece, bpm, key, seed):
    one, two = Synthesiser(bpm, key, seed), Synthesiser(bpm, key, seed)
    bystander = Synthesiser(140, "C", 1)
    for codes in piece:
        stems = two.render_stems(np.array(codes, np.int16))
        n = two.samples(two.frame) - two.samples(two.frame - 1)
        assert stems.shape == (8, n, 2) and stems.dtype == np.float32
        bystander.render(frame(snare=drum_code(8, 1), lead=note_code(3, 0)))
        np.testing.assert_array_equal(one.render(codes), two.master(stems.sum(axis=0)))


@settings(deadline=None, max_examples=6)
@given(pieces, st.integers(0, 7))
def test_an_instrument_does_not_hear_the_others_unless_they_duck_it(piece, book):
    alone, together = Synthesiser(120, "Amin", 5), Synthesiser(120, "Amin", 5)
    for codes in piece:
        dry = [*codes[:TEXTURE], 0]
        own = [code if other == book else 0 for other, code in enumerate(dry)]
        np.testing.assert_array_equal(
            alone.render_stems(own)[book], together.render_stems(dry)[book]
        )


def test_other_seeds_differ():
    codes = frame(snare=drum_code(8, 1), texture=texture_code(1, 0, 0, 0))
    one, two = Synthesiser(90, "C", 1).render(codes), Synthesiser(90, "C", 2).render(codes)
    assert not np.array_equal(one, two)


def test_silence_is_silence():
    synthesiser = Synthesiser(100, "C", 0)
    assert not synthesiser.render([0] * 8).any()
    assert not synthesiser.ring_on([0] * 8).any()


@pytest.mark.parametrize("codes", [[0] * 7, [0] * 9, [999] + [0] * 7, [-1] + [0] * 7])
def test_codes_that_mean_nothing_are_refused(codes):
    with pytest.raises(ValueError, match="code"):
        Synthesiser(120, "C", 0).render(codes)


@pytest.mark.parametrize("book", [BASS, CHORDS, LEAD])
def test_every_voice_sounds_and_none_like_another(book):
    prints = {}
    for voice in PITCHED_VOICES[book]:
        sound = stem(book, [first_note(book, voice), *[HOLD] * 3])
        assert np.sqrt(np.mean(sound**2)) > 0.01, voice
        assert np.abs(sound).max() < 0.8, voice
        level = np.sqrt([np.mean(part**2) for part in np.array_split(sound, 12)])
        power = np.abs(np.fft.rfft(sound.mean(axis=1).astype(float))) ** 2
        edges = np.geomspace(30, 12000, 25).astype(int)
        bands = np.sqrt([power[a:b].sum() for a, b in pairwise(edges)])
        prints[voice] = np.concatenate([level / level.sum(), bands / bands.sum()])
    names = list(prints)
    for i, one in enumerate(names):
        for other in names[i + 1 :]:
            assert np.abs(prints[one] - prints[other]).sum() > 0.12, (one, other)


@pytest.mark.parametrize("voice", ["sub", "acid", "reese", "organ", "dub", "synth", "wobble"])
def test_the_bass_stands_in_the_middle(voice):
    sound = stem(BASS, [first_note(BASS, voice), HOLD])
    np.testing.assert_array_equal(sound[:, 0], sound[:, 1])


@pytest.mark.parametrize(
    ("book", "voice"),
    [(BASS, "sub"), (BASS, "reese"), (CHORDS, "pad"), (CHORDS, "organ"), (LEAD, "flute")],
)
def test_a_hold_sustains_and_a_rest_releases(book, voice):
    start = first_note(book, voice)
    held = stem(book, [start, *[HOLD] * 15])
    rested = stem(book, [start, HOLD, *[REST] * 14])
    last = slice(14 * 6000, None)
    assert np.sqrt(np.mean(held[last] ** 2)) > 0.3 * np.sqrt(np.mean(held[6000:12000] ** 2))
    assert np.abs(rested[last]).max() < 1e-4
    np.testing.assert_array_equal(held[:12000], rested[:12000])


def pitch(sound: np.ndarray, low: float, high: float) -> float:
    """The fundamental in Hz, by the autocorrelation's highest peak in a range."""
    mono = sound.mean(axis=1).astype(float)
    mono = mono[len(mono) // 3 :]
    spectrum = np.abs(np.fft.rfft(mono, 1 << 17)) ** 2
    correlation = np.fft.irfft(spectrum)
    lags = np.arange(int(RATE / high), int(RATE / low))
    lag = int(lags[correlation[lags].argmax()])
    a, b, c = correlation[lag - 1 : lag + 2]
    return RATE / (lag + 0.5 * (a - c) / (a - 2 * b + c))


def cents(hz: float, wanted: float) -> float:
    return 1200 * float(np.log2(hz / wanted))


@pytest.mark.parametrize("voice", tokens.BASS_VOICES)
def test_bass_notes_are_in_tune(voice):
    # D in C minor, by the second degree: MIDI 38, after the tonic on 36.
    sound = stem(BASS, [first_note(BASS, voice, 1), *[HOLD] * 5], key="Cmin")
    tolerance = 25 if voice == "reese" else 12
    assert abs(cents(pitch(sound, 55, 100), 73.416)) < tolerance


@pytest.mark.parametrize("voice", [v for v in tokens.LEAD_VOICES if v != "bell"])
def test_lead_notes_are_in_tune(voice):
    # The fifth of D major: A at 440 Hz times two.
    sound = stem(LEAD, [first_note(LEAD, voice, 4), *[HOLD] * 3], key="Dmaj")
    assert abs(cents(pitch(sound, 700, 1100), 880.0)) < 25


@pytest.mark.parametrize("voice", [v for v in tokens.CHORD_VOICES if v != "power"])
def test_chords_hold_the_notes_of_the_key(voice):
    sound = stem(CHORDS, [first_note(CHORDS, voice, 3), *[HOLD] * 5], key="Gmaj").mean(axis=1)
    power = np.abs(np.fft.rfft(sound * np.hanning(len(sound)), 1 << 17)) ** 2
    hz = np.fft.rfftfreq(1 << 17, 1 / RATE)
    heard = (hz > 120) & (hz < 700)
    semitone = 12 * np.log2(np.maximum(hz, 1.0) / 261.626)
    # C major is the fourth degree of G: C, E, G and nothing else below the overtones.
    inside = np.isin(np.round(semitone) % 12, [0, 4, 7]) & (
        np.abs(semitone - np.round(semitone)) < 0.45
    )
    assert power[heard & inside].sum() > 0.8 * power[heard].sum()


def test_pump_ducks_what_the_kick_would_fight():
    def loudness(pump: int) -> np.ndarray:
        synthesiser = Synthesiser(120, "Amin", 0)
        chord = chord_code(4, 0, 0)
        sound = []
        for step in range(16):
            codes = frame(
                kick=drum_code(0, 2) if step in (4, 8) else 0,
                chords=HOLD if step else chord,
                texture=texture_code(0, 0, pump, 0),
            )
            sound.append(synthesiser.render_stems(codes)[CHORDS])
        return np.array([np.sqrt(np.mean(block**2)) for block in sound])

    free, ducked = loudness(0), loudness(2)
    assert ducked[4] < 0.6 * free[4]
    assert ducked[7] == pytest.approx(free[7], rel=0.1)
    np.testing.assert_array_equal(free[:4], ducked[:4])


@pytest.mark.parametrize("book", [KICK, BASS])
def test_swing_delays_every_second_onset_and_no_length(book):
    def onsets(swing: int) -> list[int]:
        synthesiser = Synthesiser(100, "Amin", 0)
        name = tokens.INSTRUMENTS[book]
        code = drum_code(1, 2) if book == KICK else first_note(BASS, "slap")
        found = []
        for step in range(4):
            stems = synthesiser.render_stems(
                frame(**{name: code if step in (0, 3) else 0, "texture": swing})
            )
            assert len(stems[book]) == 7200
            loud = np.flatnonzero(np.abs(stems[book][:, 0]) > 0.02)
            if step in (0, 3):
                found.append(int(loud[0]))
        return found

    straight, swung = onsets(0), onsets(2)
    assert swung[0] == straight[0]
    assert abs(swung[1] - straight[1] - round(0.30 * 7200)) < 60


def test_what_rings_on_dies_away_without_anything_new():
    synthesiser = Synthesiser(120, "Amin", 0)
    hall = texture_code(1, 2, 0, 0)
    synthesiser.render(frame(snare=drum_code(5, 2), bass=note_code(0, 0), texture=hall))
    codes = frame(snare=drum_code(5, 2), bass=note_code(0, 0), lead=note_code(1, 0), texture=hall)
    ringing = [np.abs(synthesiser.ring_on(codes)).max() for _ in range(24)]
    assert ringing[0] > 0.05
    assert ringing[8] < 0.1 * ringing[0]
    assert ringing[-1] < 1e-3


@pytest.mark.parametrize("noise", range(1, len(tokens.NOISES)))
def test_every_texture_is_heard_softly_and_fades_in(noise):
    sound = []
    synthesiser = Synthesiser(120, "Amin", 0)
    for _ in range(20):
        sound.append(synthesiser.render_stems(frame(texture=texture_code(noise, 0, 0, 0)))[TEXTURE])
    level = np.sqrt(np.mean(np.concatenate(sound[10:]) ** 2))
    assert 0.002 < level < 0.12
    assert np.abs(sound[0][:100]).max() < 0.02
    other = synthesiser.render_stems(frame())[TEXTURE]
    assert np.abs(other[-50:]).max() < 0.1
    for _ in range(20):
        other = synthesiser.render_stems(frame())[TEXTURE]
    assert not other.any()


@pytest.mark.parametrize("key", KEYS)
def test_every_key_plays(key):
    sound = Synthesiser(180, key, 0).render(frame(bass=note_code(0, 0), lead=note_code(1, 2)))
    assert np.abs(sound).max() > 0.01


@pytest.mark.parametrize("rate", [22_050, 44_100, 96_000])
def test_other_sample_rates(rate):
    synthesiser = Synthesiser(120, "Amin", 0, sample_rate=rate)
    codes = frame(kick=drum_code(0, 2), chords=chord_code(3, 0, 0), lead=note_code(0, 0))
    sound = np.concatenate([synthesiser.render(codes) for _ in range(4)])
    assert len(sound) == rate // 2
    assert 0.05 < np.abs(sound).max() <= 0.9
