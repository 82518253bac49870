"""Genres as data: reads genres/*.yaml into dataclasses.

A pattern is a string of sixteenth notes; blanks only group them. It may be longer than a
bar. In drum patterns ``,xX`` are ghost, normal and accent of the first voice of the set,
``:oO`` of the second and ``~rR`` of the third; ``.`` is a rest, and in a fill ``_`` keeps
the groove. In riffs and rhythms ``-`` holds the note; a riff's digits are intervals above
the chord's root (1 root, 5 fifth, 8 octave); ``x`` is a note or chord and ``a`` strikes
the next bar's chord early.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Final

import numpy as np
import yaml

from mula_daemon.engine.mini import tags, tokens

DRUM_PARTS: Final = tokens.INSTRUMENTS[:4]
STROKES: Final = {stroke: (i // 3, i % 3) for i, stroke in enumerate(",xX:oO~rR")}
"""Drum pattern character -> (which voice of the set, velocity level)."""


@dataclass(frozen=True, slots=True)
class DrumSet:
    """Voices (indices of the codebook) and the grooves that are played on them."""

    voices: tuple[int, ...]
    grooves: tuple[str, ...]
    sparse: tuple[str, ...]
    busy: tuple[str, ...]
    weight: float


@dataclass(frozen=True, slots=True)
class DrumPart:
    """One drum codebook of a genre. ``crash`` is the chance of a cymbal on bar one."""

    sets: tuple[DrumSet, ...]
    fills: tuple[str, ...]
    presence: float
    crash: float
    toms: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class PitchedSet:
    """Voices with weights, and the rhythms (or riffs) that they play in one style."""

    voices: Mapping[int, float]
    rhythms: tuple[str, ...]
    sparse: tuple[str, ...]
    style: str
    weight: float


@dataclass(frozen=True, slots=True)
class PitchedPart:
    """One pitched codebook of a genre."""

    sets: tuple[PitchedSet, ...]
    presence: float


@dataclass(frozen=True, slots=True)
class Genre:
    """A genre's grammar. ``bpm`` and ``scale`` say where it feels at home; codes carry neither."""

    name: str
    bpm: tuple[float, float]
    scale: str
    moods: Mapping[str, float]
    progressions: tuple[tuple[str, ...], ...]
    sevenths: float
    textures: Mapping[tuple[int, int, int, int], float]
    drums: Mapping[str, DrumPart]
    bass: PitchedPart
    chords: PitchedPart
    lead: PitchedPart


@dataclass(frozen=True, slots=True)
class Mood:
    """What a mood does to any genre; see moods.yaml."""

    roots: tuple[int, ...]
    contour: float
    density: float
    sevenths: float
    colour: float
    noise: str | None = None
    space: str | None = None


@cache
def genres() -> Mapping[str, Genre]:
    """All genres by tag, in the order of ``tags.GENRES``. Raises ``ValueError`` on bad data."""
    found = {}
    for entry in sorted((files(__package__) / "genres").iterdir(), key=lambda path: path.name):
        if entry.name.endswith(".yaml"):
            data = yaml.safe_load(entry.read_text(encoding="utf-8"))
            found[data["name"]] = _genre(data)
    if set(found) != set(tags.GENRES):
        raise ValueError(f"genres without grammar or tag: {set(found) ^ set(tags.GENRES)}")
    return {name: found[name] for name in tags.GENRES}


@cache
def moods() -> Mapping[str, Mood]:
    """All moods by tag."""
    data = yaml.safe_load((files(__package__) / "moods.yaml").read_text(encoding="utf-8"))
    return {
        name: Mood(**fields | {"roots": tuple(fields["roots"])}) for name, fields in data.items()
    }


@cache
def strokes(pattern: str) -> tuple[str, ...]:
    """The sixteenths of a pattern: its characters without the blanks."""
    steps = tuple(pattern.replace(" ", ""))
    if not steps or len(steps) % tokens.STEPS_PER_BAR:
        raise ValueError(f"{pattern!r} has {len(steps)} steps; a bar has {tokens.STEPS_PER_BAR}")
    return steps


@cache
def drum_codes(pattern: str, voices: tuple[int, ...]) -> np.ndarray:
    """Codes int16 [steps] of a drum pattern; -1 where it keeps the groove. Do not write to it."""
    out = []
    for stroke in strokes(pattern):
        if stroke in "._":
            out.append(tokens.REST if stroke == "." else -1)
        else:
            which, level = STROKES[stroke]
            out.append(tokens.drum_code(voices[min(which, len(voices) - 1)], level))
    return np.array(out, dtype=np.int16)


def _genre(data: dict[str, Any]) -> Genre:
    drums = {name: _drum_part(index, data[name]) for index, name in enumerate(DRUM_PARTS)}
    textures = {
        (
            tokens.NOISES.index(row["noise"]),
            tokens.SPACES.index(row["space"]),
            row["pump"],
            row["swing"],
        ): float(row["weight"])
        for row in data["textures"]
    }
    return Genre(
        name=data["name"],
        bpm=(float(data["bpm"][0]), float(data["bpm"][1])),
        scale=data["scale"],
        moods=data["moods"],
        progressions=tuple(tuple(row.split()) for row in data["progressions"]),
        sevenths=float(data["sevenths"]),
        textures=textures,
        drums=drums,
        bass=_pitched_part(tokens.BASS, data["bass"]),
        chords=_pitched_part(tokens.CHORDS, data["chords"]),
        lead=_pitched_part(tokens.LEAD, data["lead"]),
    )


def _drum_part(codebook: int, data: Any) -> DrumPart:
    """A part is a list of sets, or a mapping that says more about the part as a whole."""
    rows = data["sets"] if isinstance(data, dict) else data
    whole = data if isinstance(data, dict) else {}
    names = tokens.DRUM_VOICES[codebook]
    sets = tuple(
        DrumSet(
            voices=tuple(names.index(voice) for voice in row["voices"]),
            grooves=tuple(row["grooves"]),
            sparse=tuple(row.get("sparse", ())),
            busy=tuple(row.get("busy", ())),
            weight=float(row.get("weight", 1)),
        )
        for row in rows
    )
    return DrumPart(
        sets=sets,
        fills=tuple(whole.get("fills", ()))
        or tuple(f for row in rows for f in row.get("fills", ())),
        presence=float(whole.get("presence", rows[0].get("presence", 1))),
        crash=float(whole.get("crash", 0)),
        toms=tuple(names.index(voice) for voice in whole.get("toms", ())),
    )


def _pitched_part(codebook: int, data: Any) -> PitchedPart:
    rows = data["sets"] if isinstance(data, dict) else data
    whole = data if isinstance(data, dict) else rows[0]
    names = tokens.PITCHED_VOICES[codebook]
    sets = tuple(
        PitchedSet(
            voices={names.index(voice): float(share) for voice, share in row["voices"].items()},
            rhythms=tuple(row.get("riffs") or row["rhythms"]),
            sparse=tuple(row.get("sparse", ())),
            style=row.get("style", "riff"),
            weight=float(row.get("weight", 1)),
        )
        for row in rows
    )
    return PitchedPart(sets, float(whole.get("presence", 1)))
