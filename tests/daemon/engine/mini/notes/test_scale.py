import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mula_daemon.engine.mini.notes.scale import (
    HIGHEST_CHORD,
    KEYS,
    LOWEST_BASS,
    LOWEST_CHORD,
    SCALES,
    Key,
    bass_note,
    chord_notes,
    hertz,
    lead_note,
    parse_key,
    power_chord_notes,
)

keys = st.sampled_from(KEYS).map(parse_key)


def test_canonical_names_are_24_in_order_and_name_themselves():
    assert len(set(KEYS)) == 24
    assert KEYS[0] == "Cmaj" and KEYS[11] == "Bmaj" and KEYS[12] == "Cmin" and KEYS[21] == "Amin"
    assert [parse_key(name).name for name in KEYS] == list(KEYS)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Amin", "Amin"), ("C", "Cmaj"), ("F#min", "F#min"), ("Bbmaj", "A#maj"),
        ("a minor", "Amin"), ("am", "Amin"), ("AM", "Amaj"), ("bb Minor", "A#min"),
        ("E♭ major", "D#maj"), ("c♯m", "C#min"), (" Cb ", "Bmaj"), ("b", "Bmaj"),
        ("G:min", "Gmin"), ("B#", "Cmaj"),
    ],
)  # fmt: skip
def test_other_spellings_are_read(text, name):
    assert parse_key(text).name == name


@pytest.mark.parametrize("text", ["", "H", "Amino", "C##", "minor", "A dorian", "12"])
def test_what_is_no_key_is_refused_with_examples(text):
    with pytest.raises(ValueError, match="Amin"):
        parse_key(text)


def test_a_key_outside_the_octave_is_refused():
    with pytest.raises(ValueError, match="no such key"):
        Key(12, "maj")


@given(keys, st.integers(-7, 7))
def test_notes_belong_to_the_scale_and_the_instrument(key, degree):
    bass, lead = bass_note(key, degree), lead_note(key, degree)
    wanted = (key.tonic + SCALES[key.mode][degree % 7]) % 12
    assert bass % 12 == lead % 12 == wanted
    assert LOWEST_BASS <= bass <= 56
    assert 54 <= lead <= 89


@given(keys)
def test_lead_rises_with_its_degree(key):
    notes = [lead_note(key, degree) for degree in range(-7, 8)]
    assert notes == sorted(set(notes))
    assert notes[14] - notes[7] == notes[7] - notes[0] == 12


@given(keys, st.lists(st.tuples(st.integers(0, 6), st.booleans()), min_size=1, max_size=8))
def test_chords_are_diatonic_and_move_little(key, progression):
    previous: tuple[int, ...] = ()
    for degree, seventh in progression:
        notes = chord_notes(key, degree, seventh=seventh, previous=previous)
        steps = (0, 2, 4, 6)[: 4 if seventh else 3]
        wanted = {(key.tonic + key.semitones(degree + step)) % 12 for step in steps}
        assert {note % 12 for note in notes} == wanted
        assert list(notes) == sorted(set(notes)) and len(notes) == len(steps)
        assert notes[0] >= LOWEST_CHORD and notes[-1] <= HIGHEST_CHORD
        if previous:
            assert max(min(abs(note - old) for old in previous) for note in notes) <= 4
        previous = notes


@given(keys, st.integers(0, 6))
def test_power_chords_are_root_fifth_octave_on_low_strings(key, degree):
    root, *fifth, octave = power_chord_notes(key, degree)
    assert 40 <= root <= 51 and octave == root + 12
    assert fifth in ([root + 7], [])


@given(keys)
def test_only_the_degree_whose_fifth_leaves_the_key_is_played_without_it(key):
    bare = [degree for degree in range(7) if len(power_chord_notes(key, degree)) == 2]
    assert bare == [6 if key.mode == "maj" else 1]


def test_concert_pitch():
    assert hertz(69) == 440.0
    assert hertz(57) == pytest.approx(220.0)


def test_scale_loads_nothing_heavy():
    code = (
        "import sys, mula_daemon.engine.mini.notes.scale; "
        "assert not {'scipy', 'soundfile', 'torch'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
