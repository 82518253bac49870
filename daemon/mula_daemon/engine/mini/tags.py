"""The words `mini` understands: canonical tags, what people call them, and typos.

Imports no torch: the daemon process reads tags before a job reaches the engine.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from mula_daemon.engine.wording import plain_text

GENRES: Final = (
    "techno", "house", "trance", "drum and bass", "dubstep", "uk garage", "trap", "hip-hop",
    "lo-fi", "ambient", "pop", "rock", "metal", "jazz", "funk", "reggae",
)  # fmt: skip
MOODS: Final = (
    "happy", "sad", "dark", "mellow", "dreamy", "aggressive", "epic", "hypnotic", "groovy",
    "playful",
)  # fmt: skip
ENERGIES: Final = ("calm", "energetic")
"""Between the two lies the unmarked middle, which has no tag."""
INSTRUMENTS: Final = (
    "piano", "electric piano", "organ", "guitar", "power chords", "strings", "pad", "supersaw",
    "pluck", "stab", "saxophone", "flute", "bells", "vibraphone", "brass", "voice",
    "acid bass", "sub bass", "808", "upright bass", "slap bass", "electric bass", "reese bass",
    "wobble bass", "congas", "cowbell", "tambourine",
)  # fmt: skip
TAGS: Final = GENRES + MOODS + ENERGIES + INSTRUMENTS

_SYNONYMS: Final = {
    "techno": "tekno, minimal, minimal techno, detroit techno, acid techno",
    "house": "deep house, tech house, acid house, disco house, house music, edm",
    "trance": "psytrance, psy trance, uplifting trance, goa",
    "drum and bass": "dnb, d&b, d'n'b, drum & bass, drum n bass, drum'n'bass, jungle, liquid",
    "dubstep": "brostep, half-time, half time, bass music",
    "uk garage": "garage, ukg, 2-step, 2 step, two step, speed garage",
    "trap": "trap beat, drill",
    "hip-hop": "hip hop, hiphop, boom bap, boom-bap, boombap, rap",
    "lo-fi": "lofi, lo fi, chillhop, lofi hip hop, lo-fi hip-hop, study beats",
    "ambient": "drone, soundscape, atmospheric, new age",
    "pop": "pop music, synthpop, synth pop, electropop, indie pop",
    "rock": "rock and roll, rock'n'roll, rock n roll, indie rock, hard rock, punk",
    "metal": "heavy metal, death metal, thrash, metalcore",
    "jazz": "swing, bebop, cool jazz, blues",
    "funk": "funky, soul, disco",
    "reggae": "dub, roots, roots reggae, ska, dancehall",
    "happy": "joyful, cheerful, uplifting, bright, feel-good, feel good",
    "sad": "melancholic, melancholy, emotional, blue",
    "dark": "gloomy, sinister, moody, underground",
    "mellow": "soft, smooth, warm, romantic, gentle",
    "dreamy": "ethereal, floating, spacey, nostalgic",
    "aggressive": "angry, hard, heavy, brutal, intense",
    "epic": "cinematic, anthemic, majestic, dramatic",
    "hypnotic": "repetitive, trippy, psychedelic",
    "groovy": "grooving, bouncy, danceable, dance",
    "playful": "fun, quirky, funny, cute",
    "calm": "chill, chilled, relaxed, relaxing, low energy, quiet, slow, peaceful",
    "energetic": "high energy, driving, powerful, fast, upbeat, party",
    "piano": "keys, grand piano",
    "electric piano": "rhodes, e-piano, epiano, wurlitzer",
    "organ": "hammond",
    "guitar": "electric guitar, acoustic guitar, guitars",
    "power chords": "distorted guitar, distortion, riffs",
    "strings": "orchestra, orchestral, violin, cello",
    "pad": "pads, synth pad, synthesizer, synth, synths",
    "supersaw": "supersaws, saws",
    "pluck": "plucks, plucked",
    "stab": "stabs, chord stab",
    "saxophone": "sax",
    "flute": "flutes",
    "bells": "bell, glockenspiel, music box",
    "vibraphone": "vibes, marimba, mallets",
    "brass": "horns, trumpet, trombone, horn section",
    "voice": "vocal, vocals, vox, choir, singing",
    "acid bass": "acid, 303, tb-303",
    "sub bass": "sub, deep bass",
    "808": "808s, 808 bass, tr-808",
    "upright bass": "double bass, contrabass, walking bass",
    "slap bass": "slap",
    "electric bass": "bass guitar, fretless",
    "reese bass": "reese",
    "wobble bass": "wobble, wub, wobbles",
    "congas": "conga, bongos, bongo, latin percussion",
    "cowbell": "cowbells",
    "tambourine": "tambourines",
}


@dataclass(frozen=True, slots=True)
class TagReading:
    """What a list of typed tags means.

    ``known`` holds canonical tags in the order typed, each once. ``unknown`` holds the
    words that mean nothing to `mini`, as typed; ``suggestions`` the nearest word it does
    know for each of those that has one.
    """

    known: tuple[str, ...]
    unknown: tuple[str, ...]
    suggestions: dict[str, str] = field(default_factory=dict)

    @property
    def genre(self) -> str | None:
        """The first genre among the known tags."""
        return next((tag for tag in self.known if tag in GENRES), None)


def _fold(word: str) -> str:
    """Case, hyphens, underscores and runs of spaces make no difference."""
    return re.sub(r"[\s_\-]+", " ", word.strip().lower())


def _table() -> dict[str, str]:
    table = {_fold(tag): tag for tag in TAGS}
    for tag, words in _SYNONYMS.items():
        for word in words.split(","):
            folded = _fold(word)
            if table.setdefault(folded, tag) != tag:
                raise ValueError(f"{folded!r} is a word for both {table[folded]!r} and {tag!r}")
    return table


WORDS: Final = _table()
"""Every folded word that is understood, and its canonical tag."""


def parse_tags(tags: Sequence[str]) -> TagReading:
    """Reads tags as people type them; never raises.

    Each item may hold several tags parted by commas, semicolons or line ends. Case,
    hyphens and spaces are ignored. Pure; callable from any thread.
    """
    known: dict[str, None] = {}
    unknown: dict[str, None] = {}
    suggestions: dict[str, str] = {}
    for word in (part.strip() for item in tags for part in re.split(r"[,;\n]", plain_text(item))):
        if not word:
            continue
        folded = _fold(word)
        if folded in WORDS:
            known[WORDS[folded]] = None
            continue
        unknown[word] = None
        if near := difflib.get_close_matches(folded, WORDS, n=1, cutoff=0.6):
            suggestions[word] = near[0] if near[0] in TAGS else WORDS[near[0]]
    return TagReading(tuple(known), tuple(unknown), suggestions)
