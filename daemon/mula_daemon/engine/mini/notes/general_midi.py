"""What mini's voices are called in General MIDI (GM System Level 1).

Drum notes are those of the GM drum map, which drum racks follow too; programs are
counted from 0, as on the wire. Standard library only.
"""

from __future__ import annotations

from typing import Final

from mula_daemon.engine.mini.tokens import BASS, CHORDS, HATS, KICK, LEAD, PERCUSSION, SNARE

DRUM_CHANNEL: Final = 9
"""Channel 10 as people count."""

_USUAL: Final = {KICK: 36, SNARE: 38, HATS: 42}
"""Bass drum 1, acoustic snare, closed hi-hat: where every kit has its own."""
_OTHERWISE: Final = {
    SNARE: {"clap909": 39, "clap808": 39, "rim": 37},
    HATS: {"open909": 46, "open808": 46, "open_acoustic": 46, "ride": 51, "shaker": 70},
    PERCUSSION: {
        "rimshot": 37, "conga_high": 63, "conga_low": 64, "tambourine": 54, "cowbell": 56,
        "tom_high": 50, "tom_mid": 47, "tom_low": 45, "crash": 49, "reverse": 55, "impact": 57,
        "cabasa": 69, "snap": 39, "wood": 76, "bleep": 81, "tick": 75,
    },
}  # fmt: skip
"""The map has no snap, reversed cymbal, impact, bleep or tick: hand clap, splash, second
crash, open triangle and claves come nearest."""

PROGRAMS: Final = {
    BASS: {
        "sub": 38, "acid": 38, "reese": 39, "808": 38, "organ": 16, "electric": 33, "picked": 34,
        "upright": 32, "dub": 38, "synth": 39, "wobble": 39, "slap": 36,
    },
    CHORDS: {
        "pad": 89, "supersaw": 90, "epiano": 4, "piano": 0, "organ": 16, "guitar": 25,
        "power": 30, "stab": 62, "skank": 28, "strings": 48, "pluck": 45, "dusty": 4,
    },
    LEAD: {
        "saw": 81, "pluck": 45, "distorted": 30, "sax": 65, "flute": 73, "bell": 14, "epiano": 4,
        "square": 80, "vibes": 11, "acid": 87, "voice": 53, "brass": 61,
    },
}  # fmt: skip
"""Codebook -> voice -> program."""


def drum_note(codebook: int, voice: str) -> int:
    """The key of a voice of drum codebook 0..3, 35..81."""
    return _OTHERWISE.get(codebook, {}).get(voice) or _USUAL[codebook]
