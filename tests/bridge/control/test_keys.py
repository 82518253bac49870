"""Keys as people write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mula_bridge.control.keys import KEY, KEYS, UnknownKey, parse_key
from mula_bridge.control.knobs import KNOBS

SPELT = {
    "Ebmaj": "D#maj", "Dbmin": "C#min", "Bbmin": "A#min", "Am": "Amin", "C#m": "C#min",
    "F# minor": "F#min", "F♯min": "F#min", "B♭ major": "A#maj", "A": "Amaj", "eb": "D#maj",
    "CM": "Cmaj", "am": "Amin", "AMIN": "Amin", "b": "Bmaj", "bb": "A#maj", "bm": "Bmin",
    "bbm": "A#min", "Cb": "Bmaj", "E#": "Fmaj", "Fb minor": "Emin", "B#m": "Cmin",
    "g sharp minor": "G#min", "A flat": "G#maj", "d-flat-major": "C#maj", " Gmin ": "Gmin",
}  # fmt: skip
PITCHES = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
STEPS = {"": 0, "#": 1, "b": -1, "♯": 1, "♭": -1}


@pytest.mark.parametrize(("text", "key"), SPELT.items(), ids=SPELT)
def test_a_key_may_be_written_in_any_usual_way(text: str, key: str) -> None:
    assert KNOBS["key"].coerce(text) == key


@given(
    st.sampled_from("CDEFGABcdefgab"),
    st.sampled_from(list(STEPS)),
    st.sampled_from(["", " ", "  "]),
    st.sampled_from(["maj", "major", "M", "min", "minor", "m"]),
)
def test_every_spelling_of_every_key(letter: str, accidental: str, gap: str, mode: str) -> None:
    place = KEYS.index(parse_key(letter + accidental + gap + mode))
    assert place % 12 == (PITCHES[letter.upper()] + STEPS[accidental]) % 12
    assert (place >= 12) == (mode in ("m", "min", "minor"))


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("Amiin", "did you mean Amin?"),
        ("Abmiin", "write it as in"),
        ("C#mjr", "did you mean C#maj?"),
        ("Hmin", "write it as in C, Ebmaj, F#min or A minor"),
        ("Ebdorian", "write it as in"),
        ("", "write it as in"),
        ("tuesday", "write it as in"),
    ],
)
def test_a_hint_names_no_other_pitch(text: str, hint: str) -> None:
    with pytest.raises(UnknownKey) as told:
        KNOBS["key"].coerce(text)
    assert told.value.code == "unknown"
    assert hint in str(told.value)


@given(st.text(st.sampled_from("ABEHb#♭majorin 7"), max_size=9))
def test_a_key_is_read_or_hinted_at_on_its_own_tonic(text: str) -> None:
    try:
        assert parse_key(text) in KEYS
    except UnknownKey as told:
        if told.nearest is not None:
            letter, sign = (text.strip() + " ")[:2]
            tonic = (PITCHES[letter.upper()] + STEPS.get(sign, 0)) % 12
            assert KEYS.index(told.nearest) % 12 == tonic


def test_schemas_know_the_usual_ways() -> None:
    assert KNOBS["key"].schema["pattern"] == KEY
