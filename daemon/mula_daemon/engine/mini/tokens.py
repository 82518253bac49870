"""What every code of `mini` means.

A frame is one sixteenth note. Its 8 codebooks are instruments, so a code names
what one instrument does in that sixteenth: which voice of its kit plays, how
hard, and at which scale degree. Genre reaches the sound through these codes and
through nothing else; the synthesiser never sees a tag.

Code 0 is silence in every codebook. In the three pitched codebooks code 1 means
"keep the sounding note". Pitch is a scale degree, so any key and scale fits.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

STEPS_PER_BAR: Final = 16
PHRASE_BARS: Final = 8
"""The clock token counts this many bars, then starts again."""

REST: Final = 0
HOLD: Final = 1

KICK, SNARE, HATS, PERCUSSION, BASS, CHORDS, LEAD, TEXTURE = range(8)
INSTRUMENTS: Final = (
    "kick", "snare", "hats", "percussion", "bass", "chords", "lead", "texture",
)  # fmt: skip

CODES: Final = 224
"""Codes 0..223 can be decoded; the few rows above mirror HeartMuLa's layout."""
AUDIO_VOCAB: Final = CODES + 4

VELOCITIES: Final = (0.45, 0.75, 1.0)
"""Ghost, normal, accent; linear gain of a drum hit."""

KICK_VOICES: Final = (
    "techno", "house", "trance", "808", "dnb", "dub", "rock", "metal", "jazz", "pop", "lofi",
    "funk",
)  # fmt: skip
SNARE_VOICES: Final = (
    "clap909", "snare909", "clap808", "snare808", "dnb", "dubstep", "rock", "metal", "brush",
    "pop", "lofi", "rim", "funk", "garage",
)  # fmt: skip
HAT_VOICES: Final = (
    "closed909", "open909", "closed808", "open808", "roll808", "closed_acoustic",
    "open_acoustic", "ride", "shaker", "lofi", "dnb", "pop",
)  # fmt: skip
PERCUSSION_VOICES: Final = (
    "rimshot", "conga_high", "conga_low", "tambourine", "cowbell", "tom_high", "tom_mid",
    "tom_low", "crash", "reverse", "impact", "cabasa", "snap", "wood", "bleep", "tick",
)  # fmt: skip
BASS_VOICES: Final = (
    "sub", "acid", "reese", "808", "organ", "electric", "picked", "upright", "dub", "synth",
    "wobble", "slap",
)  # fmt: skip
CHORD_VOICES: Final = (
    "pad", "supersaw", "epiano", "piano", "organ", "guitar", "power", "stab", "skank",
    "strings", "pluck", "dusty",
)  # fmt: skip
LEAD_VOICES: Final = (
    "saw", "pluck", "distorted", "sax", "flute", "bell", "epiano", "square", "vibes", "acid",
    "voice", "brass",
)  # fmt: skip
ROLL: Final = "roll808"
ROLL_HITS: Final = (2, 3, 4)
"""Hits of a roll inside its sixteenth, by velocity level: thirty-seconds, then faster."""
DRUM_VOICES: Final = (KICK_VOICES, SNARE_VOICES, HAT_VOICES, PERCUSSION_VOICES)
"""Indexed by codebook 0..3."""
PITCHED_VOICES: Final = {BASS: BASS_VOICES, CHORDS: CHORD_VOICES, LEAD: LEAD_VOICES}

LOWEST_DEGREE: Final = -7
HIGHEST_DEGREE: Final = 7
"""Bass and lead degrees: 0 is the tonic, 7 the tonic an octave up."""
CHORD_DEGREES: Final = 7
VOICINGS: Final = ("triad", "seventh")

NOISES: Final = ("none", "vinyl", "rain", "sweep", "drone", "air")
SPACES: Final = ("dry", "room", "hall", "dub")
PUMPS: Final = (0.0, 0.45, 0.85)
"""Side-chain ducking depth, 0..1."""
SWINGS: Final = (0.0, 0.14, 0.30)
"""Delay of every second sixteenth, as a part of a sixteenth."""


@dataclass(frozen=True, slots=True)
class DrumHit:
    """One hit of a drum codebook: a voice index and a velocity level 0..2."""

    voice: int
    velocity: int


@dataclass(frozen=True, slots=True)
class Note:
    """A bass or lead note: a voice index and a scale degree -7..7."""

    voice: int
    degree: int


@dataclass(frozen=True, slots=True)
class Chord:
    """A chord: a voice index, its root's scale degree 0..6, a voicing index."""

    voice: int
    degree: int
    voicing: int


@dataclass(frozen=True, slots=True)
class Texture:
    """The mix of this sixteenth: indices into NOISES, SPACES, PUMPS and SWINGS."""

    noise: int
    space: int
    pump: int
    swing: int


_DEGREES = HIGHEST_DEGREE - LOWEST_DEGREE + 1
_LEVELS = len(VELOCITIES)


def drum_code(voice: int, velocity: int) -> int:
    """The code of a drum hit; ``velocity`` is a level 0..2."""
    return 1 + voice * _LEVELS + velocity


def note_code(voice: int, degree: int) -> int:
    """The code of a bass or lead note."""
    return 2 + voice * _DEGREES + (degree - LOWEST_DEGREE)


def chord_code(voice: int, degree: int, voicing: int) -> int:
    """The code of a chord."""
    return 2 + (voice * CHORD_DEGREES + degree) * len(VOICINGS) + voicing


def texture_code(noise: int, space: int, pump: int, swing: int) -> int:
    """The code of a texture; 0 is dry, straight and without noise."""
    return ((noise * len(SPACES) + space) * len(PUMPS) + pump) * len(SWINGS) + swing


def codes_in(codebook: int) -> int:
    """How many codes, from 0 up, mean something in ``codebook`` (0..7)."""
    if codebook < len(DRUM_VOICES):
        return 1 + len(DRUM_VOICES[codebook]) * _LEVELS
    if codebook == CHORDS:
        return 2 + len(CHORD_VOICES) * CHORD_DEGREES * len(VOICINGS)
    if codebook == TEXTURE:
        return len(NOISES) * len(SPACES) * len(PUMPS) * len(SWINGS)
    return 2 + len(PITCHED_VOICES[codebook]) * _DEGREES


def read_drum(codebook: int, code: int) -> DrumHit | None:
    """The hit that ``code`` means in drum codebook 0..3, or None for silence."""
    _check(codebook, code)
    if code == REST:
        return None
    return DrumHit(*divmod(code - 1, _LEVELS))


def read_note(codebook: int, code: int) -> Note | None:
    """The note that ``code`` starts in BASS or LEAD; None for REST and HOLD."""
    _check(codebook, code)
    if code <= HOLD:
        return None
    voice, degree = divmod(code - 2, _DEGREES)
    return Note(voice, degree + LOWEST_DEGREE)


def read_chord(code: int) -> Chord | None:
    """The chord that ``code`` starts; None for REST and HOLD."""
    _check(CHORDS, code)
    if code <= HOLD:
        return None
    rest, voicing = divmod(code - 2, len(VOICINGS))
    return Chord(*divmod(rest, CHORD_DEGREES), voicing)


def read_texture(code: int) -> Texture:
    """The mix that ``code`` of the texture codebook means."""
    _check(TEXTURE, code)
    rest, swing = divmod(code, len(SWINGS))
    rest, pump = divmod(rest, len(PUMPS))
    return Texture(*divmod(rest, len(SPACES)), pump, swing)


def _check(codebook: int, code: int) -> None:
    if not 0 <= code < codes_in(codebook):
        raise ValueError(
            f"code {code} means nothing in codebook {codebook} ({INSTRUMENTS[codebook]}): "
            f"0..{codes_in(codebook) - 1} do"
        )
