"""Clips' notes, read back by a library that shares no code with the one that wrote them."""

from __future__ import annotations

from fractions import Fraction

import pytest
import symusic
from hypothesis import given, settings
from hypothesis import strategies as st

from mula_daemon.engine.mini import tokens
from mula_daemon.engine.mini.notes import general_midi
from mula_daemon.engine.mini.notes.midi_file import midi_file
from mula_daemon.engine.mini.notes.scale import KEYS, SCALES, parse_key
from mula_daemon.engine.mini.notes.score import TICKS_PER_SIXTEENTH
from mula_daemon.engine.mini.tokens import (
    BASS,
    CHORDS,
    DRUM_VOICES,
    HOLD,
    LEAD,
    PITCHED_VOICES,
    REST,
    TEXTURE,
    chord_code,
    drum_code,
    note_code,
    texture_code,
)

frames = st.tuples(*(st.integers(0, tokens.codes_in(book) - 1) for book in range(8)))
clips = st.lists(frames, min_size=1, max_size=40)
DRUMS = range(4)


def read(codes, key: str = "Amin", bpm: float = 120.0, title: str = "t") -> symusic.Score:
    data = midi_file(codes, bpm=bpm, key=key, beats_per_bar=4, title=title)
    return symusic.Score.from_midi(data)


def frame(**codes: int) -> tuple[int, ...]:
    return tuple(codes.get(name, 0) for name in tokens.INSTRUMENTS)


def track(score: symusic.Score, name: str) -> list[tuple[int, int, int, int]]:
    """(start, length, key, velocity) of a track's notes."""
    return [
        (note.time, note.duration, note.pitch, note.velocity)
        for found in score.tracks if found.name == name
        for note in sorted(found.notes, key=lambda note: (note.time, note.pitch))
    ]  # fmt: skip


def expected_onsets(codes) -> dict[str, set[int]]:
    """Ticks at which something begins, straight from the codes' meaning."""
    found: dict[str, set[int]] = {"Drums": set(), "Bass": set(), "Chords": set(), "Lead": set()}
    for index, row in enumerate(codes):
        swing = Fraction(str(tokens.SWINGS[row[TEXTURE] % 3])) if index % 2 else 0
        at = index * 240 + round(swing * 240)
        for book, name in ((BASS, "Bass"), (CHORDS, "Chords"), (LEAD, "Lead")):
            if row[book] > HOLD:
                found[name].add(at)
        for book in DRUMS:
            if row[book] == REST:
                continue
            voice, level = divmod(row[book] - 1, 3)
            hits = 2 + level if DRUM_VOICES[book][voice] == "roll808" else 1
            end = len(codes) * 240
            found["Drums"] |= {(at + number * 240 // hits) % end for number in range(hits)}
    return found


@settings(max_examples=60, deadline=None)
@given(clips, st.sampled_from(KEYS), st.floats(60, 200))
def test_a_foreign_reader_finds_the_onsets_of_the_codes(codes, key, bpm):
    score = read(codes, key, bpm)
    assert score.ticks_per_quarter == 4 * TICKS_PER_SIXTEENTH
    for name, onsets in expected_onsets(codes).items():
        assert {start for start, *_ in track(score, name)} == onsets, name
    assert score.tempos[0].qpm == pytest.approx(bpm, abs=1e-3)


@settings(max_examples=40, deadline=None)
@given(clips, st.sampled_from(KEYS))
def test_notes_are_in_key_inside_the_clip_and_never_overlap_themselves(codes, key):
    score = read(codes, key)
    tonality = parse_key(key)
    scale = {(tonality.tonic + step) % 12 for step in SCALES[tonality.mode]}
    for found in score.tracks:
        until: dict[int, int] = {}
        for start, length, pitch, velocity in track(score, found.name):
            assert length > 0 and 1 <= velocity <= 127
            assert start >= until.get(pitch, 0)
            until[pitch] = start + length
            assert until[pitch] <= len(codes) * TICKS_PER_SIXTEENTH
            assert found.is_drum or pitch % 12 in scale


def test_holds_prolong_and_rests_end_a_note():
    start = note_code(0, 0)
    score = read([frame(bass=start), frame(bass=HOLD), frame(bass=HOLD), frame(), frame(bass=HOLD)])
    assert track(score, "Bass") == [(0, 3 * 240, 33, 100)]


def test_a_note_that_is_held_to_the_end_ends_with_the_clip():
    score = read([frame(chords=chord_code(3, 0, 0)), frame(chords=HOLD)], "C")
    assert {(start, length) for start, length, *_ in track(score, "Chords")} == {(0, 480)}
    assert {pitch % 12 for _, _, pitch, _ in track(score, "Chords")} == {0, 4, 7}


def test_every_second_sixteenth_swings_as_it_sounds():
    hit = frame(hats=drum_code(0, 1), texture=texture_code(0, 0, 0, 2))
    assert [start for start, *_ in track(read([hit] * 4), "Drums")] == [0, 312, 480, 792]


def test_a_roll_is_each_of_its_hits():
    roll = frame(hats=drum_code(tokens.HAT_VOICES.index("roll808"), 2))
    assert [(start, length) for start, length, *_ in track(read([roll]), "Drums")] == [
        (0, 60), (60, 60), (120, 60), (180, 60),
    ]  # fmt: skip


def test_two_voices_on_one_key_of_the_map_are_one_hit_and_the_louder_one():
    rim = drum_code(tokens.SNARE_VOICES.index("rim"), 0)
    rimshot = drum_code(tokens.PERCUSSION_VOICES.index("rimshot"), 2)
    notes = track(read([frame(snare=rim, percussion=rimshot)]), "Drums")
    assert notes == [(0, 240, 37, 127)]


def test_the_file_says_title_tempo_meter_key_and_instruments():
    codes = [frame(kick=1, bass=note_code(1, 0), lead=note_code(3, 2))] * 16
    score = read(codes, "D#maj", 127.5, "techno_127.5bpm_D#maj")
    assert [found.name for found in score.tracks] == ["Drums", "Bass", "Lead"]
    assert [found.is_drum for found in score.tracks] == [True, False, False]
    assert [found.program for found in score.tracks][1:] == [38, 65]
    (signature,) = score.key_signatures
    assert (signature.key, signature.tonality) == (-3, 0)  # E flat: three flats, major
    (meter,) = score.time_signatures
    assert (meter.numerator, meter.denominator) == (4, 4)


@pytest.mark.parametrize("key", KEYS)
def test_every_key_is_written_with_its_signature(key):
    (signature,) = read([frame(bass=note_code(0, 0))], key).key_signatures
    tonality = parse_key(key)
    assert signature.tonality == (tonality.mode == "min")
    # Round the circle of fifths from C or A: seven semitones a sharp.
    assert (signature.key * 7 + (9 if signature.tonality else 0)) % 12 == tonality.tonic
    assert abs(signature.key) <= 6


def test_every_voice_has_its_place_in_general_midi():
    for book, voices in enumerate(DRUM_VOICES):
        assert all(35 <= general_midi.drum_note(book, voice) <= 81 for voice in voices)
    for book, voices in PITCHED_VOICES.items():
        assert set(general_midi.PROGRAMS[book]) == set(voices)
        assert all(0 <= program <= 127 for program in general_midi.PROGRAMS[book].values())


def test_silence_is_a_file_of_the_right_length_without_notes():
    score = read([frame()] * 16)
    assert not any(found.notes for found in score.tracks)


def test_a_roll_that_swings_beyond_the_end_goes_on_at_the_head_of_the_loop():
    """As in the sound, whose end rings into its head."""
    roll = drum_code(tokens.HAT_VOICES.index("roll808"), 2)
    last = frame(hats=roll, texture=texture_code(0, 0, 0, 2))
    starts = [start for start, *_ in track(read([frame(), frame(), frame(), last]), "Drums")]
    assert starts == [12, 792, 852, 912]
