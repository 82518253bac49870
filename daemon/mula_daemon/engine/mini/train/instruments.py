"""Which voices of which codebooks an instrument tag names."""

from __future__ import annotations

from typing import Final

from mula_daemon.engine.mini import tokens
from mula_daemon.engine.mini.tokens import BASS, CHORDS, LEAD, PERCUSSION

_NAMES: Final = {
    "piano": {CHORDS: "piano"},
    "electric piano": {CHORDS: "epiano", LEAD: "epiano"},
    "organ": {CHORDS: "organ"},
    "guitar": {CHORDS: "guitar"},
    "power chords": {CHORDS: "power"},
    "strings": {CHORDS: "strings"},
    "pad": {CHORDS: "pad"},
    "supersaw": {CHORDS: "supersaw"},
    "pluck": {CHORDS: "pluck", LEAD: "pluck"},
    "stab": {CHORDS: "stab"},
    "saxophone": {LEAD: "sax"},
    "flute": {LEAD: "flute"},
    "bells": {LEAD: "bell"},
    "vibraphone": {LEAD: "vibes"},
    "brass": {LEAD: "brass"},
    "voice": {LEAD: "voice"},
    "acid bass": {BASS: "acid"},
    "sub bass": {BASS: "sub"},
    "808": {BASS: "808"},
    "upright bass": {BASS: "upright"},
    "slap bass": {BASS: "slap"},
    "electric bass": {BASS: "electric"},
    "reese bass": {BASS: "reese"},
    "wobble bass": {BASS: "wobble"},
    "congas": {PERCUSSION: "conga_high"},
    "cowbell": {PERCUSSION: "cowbell"},
    "tambourine": {PERCUSSION: "tambourine"},
}


def _voice(codebook: int, name: str) -> int:
    pitched = tokens.PITCHED_VOICES
    names = pitched[codebook] if codebook in pitched else tokens.DRUM_VOICES[codebook]
    return names.index(name)


TAG_OF: Final = {
    (codebook, _voice(codebook, name)): tag
    for tag, names in _NAMES.items()
    for codebook, name in names.items()
}
"""(codebook, voice) -> the instrument tag that names it."""

GUESTS: Final = {
    codebook: tuple(_voice(codebook, name) for name in names)
    for codebook, names in {
        CHORDS: ("piano", "epiano", "organ", "guitar", "strings", "pad", "pluck"),
        LEAD: ("sax", "flute", "bell", "vibes", "brass", "voice", "pluck"),
    }.items()
}
"""Voices that may sit in with any genre: a flute over techno is a request, not a mistake."""
