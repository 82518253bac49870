"""Keys, scales and where a scale degree lies on the keyboard.

Imports the standard library only, so that the daemon process may name keys
without loading the synthesiser. Notes are MIDI numbers: 60 is middle C, 69 is
A at 440 Hz. Pure; any thread.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

PITCH_CLASSES: Final = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")
SCALES: Final = {"maj": (0, 2, 4, 5, 7, 9, 11), "min": (0, 2, 3, 5, 7, 8, 10)}
"""Major and natural minor, in semitones above the tonic."""

LOWEST_BASS: Final = 28
"""E, the lowest string of a bass guitar; small speakers lose anything below."""
BASS_TONICS: Final = 33
LEAD_TONICS: Final = 66
"""The tonic of any key lies in the octave from here up."""
LOWEST_CHORD: Final = 48
HIGHEST_CHORD: Final = 76
LOWEST_POWER_CHORD: Final = 40
"""The low E of a guitar."""

_CHORD_CENTRE = 61.0
_STAY_NEAR_CENTRE = 0.35

_NAME = re.compile(
    r"(?P<letter>[a-g])(?P<accidental>[#♯b♭]?)[\s:_-]*(?P<mode>major|minor|maj|min|m|M|)",
    re.IGNORECASE,
)
_LETTERS = {"c": 0, "d": 2, "e": 4, "f": 5, "g": 7, "a": 9, "b": 11}
_ACCIDENTALS = {"": 0, "#": 1, "♯": 1, "b": -1, "♭": -1}


@dataclass(frozen=True, slots=True)
class Key:
    """A tonic, as a pitch class 0..11 (0 is C), and a mode, "maj" or "min"."""

    tonic: int
    mode: str

    def __post_init__(self) -> None:
        if not 0 <= self.tonic < 12 or self.mode not in SCALES:
            raise ValueError(f"no such key: tonic {self.tonic}, mode {self.mode!r}")

    @property
    def name(self) -> str:
        """The canonical name, one of `KEYS`."""
        return f"{PITCH_CLASSES[self.tonic]}{self.mode}"

    def semitones(self, degree: int) -> int:
        """Semitones from the tonic to a scale degree; 7 is an octave, -7 one below."""
        octave, step = divmod(degree, 7)
        return 12 * octave + SCALES[self.mode][step]


KEYS: Final = tuple(Key(tonic, mode).name for mode in ("maj", "min") for tonic in range(12))
"""The 24 canonical names: C to B in major, then in minor."""


def parse_key(text: str) -> Key:
    """The key that ``text`` names, such as "Amin", "C", "F#min", "Bbmaj", "a minor".

    A letter alone means major, and so does "M"; "m" means minor.

    Raises:
        ValueError: ``text`` names no key; the message lists the forms that do.
    """
    found = _NAME.fullmatch(text.strip())
    if found is None:
        raise ValueError(
            f"no key is called {text!r}: write a letter A to G, then # or b if need be, then "
            'maj or min (or nothing, for major), such as "C", "Amin", "F#min" or "Bb major"'
        )
    letter, accidental, mode = found["letter"], found["accidental"], found["mode"]
    tonic = (_LETTERS[letter.lower()] + _ACCIDENTALS[accidental.lower()]) % 12
    minor = mode == "m" or mode.lower() in ("min", "minor")
    return Key(tonic, "min" if minor else "maj")


def hertz(note: float) -> float:
    """The frequency of a MIDI note in equal temperament; 69 is 440 Hz."""
    return float(440.0 * 2.0 ** ((note - 69.0) / 12.0))


def bass_note(key: Key, degree: int) -> int:
    """The MIDI note of a bass degree -7..7; 28 or higher."""
    note = _in_octave_from(BASS_TONICS, key.tonic) + key.semitones(degree)
    return note if note >= LOWEST_BASS else note + 12


def lead_note(key: Key, degree: int) -> int:
    """The MIDI note of a lead degree -7..7; 54 to 89."""
    return _in_octave_from(LEAD_TONICS, key.tonic) + key.semitones(degree)


def chord_notes(
    key: Key, degree: int, *, seventh: bool, previous: Sequence[int] = ()
) -> tuple[int, ...]:
    """The notes of a diatonic chord, low to high, three or four of 48..76.

    Of all close inversions, the one whose notes move least from ``previous``;
    a slight pull to the middle keeps long progressions from wandering off.
    """
    steps = (0, 2, 4, 6) if seventh else (0, 2, 4)
    pitch_classes = [(key.tonic + key.semitones(degree + step)) % 12 for step in steps]
    inversions = [
        _stacked(pitch_classes[first:] + pitch_classes[:first], octave)
        for octave in (48, 60)
        for first in range(len(pitch_classes))
    ]
    fitting = [notes for notes in inversions if notes[-1] <= HIGHEST_CHORD]
    return min(fitting, key=lambda notes: (_movement(notes, previous), notes))


def power_chord_notes(key: Key, degree: int) -> tuple[int, ...]:
    """Root, fifth and octave on the low strings of a guitar; the root in 40..51.

    The one degree whose fifth would leave the key is played without it.
    """
    root = _in_octave_from(LOWEST_POWER_CHORD, (key.tonic + key.semitones(degree)) % 12)
    if key.semitones(degree + 4) - key.semitones(degree) != 7:
        return (root, root + 12)
    return (root, root + 7, root + 12)


def _in_octave_from(lowest: int, pitch_class: int) -> int:
    return lowest + (pitch_class - lowest) % 12


def _stacked(pitch_classes: Sequence[int], octave: int) -> tuple[int, ...]:
    notes = [octave + pitch_classes[0]]
    for pitch_class in pitch_classes[1:]:
        notes.append(_in_octave_from(notes[-1] + 1, pitch_class))
    return tuple(notes)


def _movement(notes: Sequence[int], previous: Sequence[int]) -> float:
    steps = sum(min(abs(note - old) for old in previous) for note in notes) if previous else 0
    return steps + _STAY_NEAR_CENTRE * len(notes) * abs(sum(notes) / len(notes) - _CHORD_CENTRE)
