"""Composes pieces: a genre's grammar becomes codes, with the tags that are true of them.

A piece is planned once (kit, grooves, progression, motifs, mix) and then played bar by
bar, so it keeps its identity while fills, form and small variations move it. No torch.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from mula_daemon.engine.mini import tags, tokens
from mula_daemon.engine.mini.train import drums, harmony, melody
from mula_daemon.engine.mini.train.chance import pick, pick_set, several
from mula_daemon.engine.mini.train.genre import Genre, Mood, PitchedPart, PitchedSet, genres, moods
from mula_daemon.engine.mini.train.instruments import GUESTS, TAG_OF

STEPS: Final = tokens.STEPS_PER_BAR
GUEST_CHANCE: Final = 0.1
"""How often a part's voice comes from outside the genre."""
SWEEP: Final = tokens.NOISES.index("sweep")
SILENCES: Final[Mapping[str, Mapping[int, tuple[int, ...]]]] = {
    "full": {},
    "answering": {tokens.LEAD: (0, 1, 4, 5)},
    "late lead": {tokens.LEAD: (0, 1, 2, 3)},
    "building": {tokens.PERCUSSION: (0, 1, 2, 3), tokens.LEAD: (0, 1)},
    "thin start": {tokens.CHORDS: (0, 1), tokens.LEAD: (0, 1, 2, 3)},
    "breath": {tokens.BASS: (7,), tokens.CHORDS: (7,)},
    "drop": {tokens.KICK: (6, 7), tokens.BASS: (6, 7)},
}
"""Arrangements of a phrase: which codebooks are silent in which of its bars."""


@dataclass(frozen=True, slots=True)
class Piece:
    """``codes`` int16 [bars * 16, 8], and every tag that is true of them, genre first."""

    codes: np.ndarray
    tags: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PitchedPlan:
    """A pitched part's voice and its two rhythms; the second answers in bars 4 and 8."""

    voice: int
    style: str
    rhythms: tuple[str, str]


def compose(
    genre: str,
    rng: random.Random,
    bars: int = tokens.PHRASE_BARS,
    *,
    mood: str | None = None,
    energy: str | None = None,
) -> Piece:
    """A new piece of ``bars`` bars, starting at the first bar of a phrase.

    ``mood`` and ``energy`` are tags, drawn where they are None; the energy "" is the
    unmarked middle. Depends on nothing but its
    arguments and ``rng``. Raises ``KeyError`` for an unknown genre or mood.
    """
    grammar = genres()[genre]
    mood = mood or pick(rng, grammar.moods)
    if energy is None:
        energy = pick(rng, {"calm": 0.22, "": 0.56, "energetic": 0.22})
    feel = moods()[mood]
    ghosts = rng.random() < feel.density
    drummers = [
        drums.plan(rng, codebook, part, energy, ghosts)
        for codebook, part in enumerate(grammar.drums.values())
    ]
    chords = harmony.progression(rng, grammar, feel)
    bass = _pitched(rng, tokens.BASS, grammar.bass, energy)
    comping = _pitched(rng, tokens.CHORDS, grammar.chords, "")
    lead = _lead(rng, grammar, feel, energy, needed=comping is None)
    texture = _texture(rng, grammar, feel)
    level = {"calm": -(rng.random() < 0.6), "energetic": rng.random() < 0.5}.get(energy, 0)

    codes = np.zeros((bars * STEPS, tokens.TEXTURE + 1), dtype=np.int16)
    silent: Mapping[int, frozenset[int]] = {}
    for bar in range(bars):
        place = bar % tokens.PHRASE_BARS
        if place == 0:
            silent = _arrange(rng, grammar)
            drummers = [
                who and replace(who, form=rng.choice(drums.FORMS)) if bar else who
                for who in drummers
            ]
        now = codes[bar * STEPS : (bar + 1) * STEPS]
        filling = rng.random() < _fill_chance(place, energy)
        for who in drummers:
            if who is not None and place not in silent.get(who.codebook, ()):
                joins = filling and (who.codebook < tokens.HATS or rng.random() < 0.6)
                now[:, who.codebook] = drums.play(rng, who, bar, int(level), joins)
        answer = place in (3, 7)
        if bass is not None and place not in silent.get(tokens.BASS, ()):
            rhythm = bass.rhythms[answer]
            now[:, tokens.BASS] = (
                harmony.walk(rng, bass.voice, rhythm, chords, bar)
                if bass.style == "walking"
                else harmony.bass_riff(bass.voice, rhythm, chords, bar)
            )
        if comping is not None and place not in silent.get(tokens.CHORDS, ()):
            now[:, tokens.CHORDS] = harmony.comp(
                comping.voice, comping.rhythms[answer], chords, bar
            )
        if lead is not None and place not in silent.get(tokens.LEAD, ()):
            now[:, tokens.LEAD] = melody.play(rng, lead, chords, bar)
        noise, *mix = texture
        if place == 7 and filling and texture[2] and rng.random() < 0.3:
            noise = SWEEP
        now[:, tokens.TEXTURE] = tokens.texture_code(noise, *mix)
    settle(codes)
    return Piece(codes, (genre, mood, *([energy] if energy else ()), *instruments_in(codes)))


def settle(codes: np.ndarray) -> None:
    """Makes holds that hold nothing into rests, in place; ``codes`` [frames, 8]."""
    for codebook in tokens.PITCHED_VOICES:
        column = codes[:, codebook]
        sounding = False
        for step, code in enumerate(column.tolist()):
            if code == tokens.HOLD:
                if not sounding:
                    column[step] = tokens.REST
            else:
                sounding = code != tokens.REST


def _fill_chance(place: int, energy: str) -> float:
    chances = {3: 0.4, 7: 0.85}
    return chances.get(place, 0.0) * (0.6 if energy == "calm" else 1.0)


def _voice(rng: random.Random, codebook: int, part: PitchedSet) -> int:
    if codebook in GUESTS and rng.random() < GUEST_CHANCE:
        return rng.choice(GUESTS[codebook])
    return pick(rng, part.voices)


def _pitched(
    rng: random.Random, codebook: int, part: PitchedPart, energy: str
) -> PitchedPlan | None:
    if rng.random() >= part.presence:
        return None
    chosen = pick_set(rng, part.sets)
    pool = chosen.sparse if energy == "calm" and chosen.sparse else chosen.rhythms
    first, *rest = several(rng, pool, 2)
    second = rest[0] if rest and rng.random() < 0.6 else first
    return PitchedPlan(_voice(rng, codebook, chosen), chosen.style, (first, second))


def _lead(
    rng: random.Random, grammar: Genre, feel: Mood, energy: str, needed: bool
) -> melody.MelodyPlan | None:
    """``needed``: nothing else plays harmony, so somebody must."""
    presence = grammar.lead.presence * (0.75 if energy == "calm" else 1.0)
    if rng.random() >= presence and not needed:
        return None
    chosen = pick_set(rng, grammar.lead.sets)
    return melody.plan(rng, chosen, _voice(rng, tokens.LEAD, chosen), feel)


def _texture(rng: random.Random, grammar: Genre, feel: Mood) -> tuple[int, int, int, int]:
    noise, space, pump, swing = pick(rng, grammar.textures)
    if rng.random() < feel.colour:
        noise = tokens.NOISES.index(feel.noise) if feel.noise else noise
        space = tokens.SPACES.index(feel.space) if feel.space else space
    return noise, space, pump, swing


def _arrange(rng: random.Random, grammar: Genre) -> Mapping[int, frozenset[int]]:
    """Which instruments are silent in which bars of this phrase, by codebook."""
    pumping = max(texture[2] for texture in grammar.textures) > 1
    options: dict[str, float] = {"full": 4, "answering": 1.5, "late lead": 2, "building": 1.5}
    options |= {"thin start": 0.8, "breath": 0.8}
    if pumping:
        options["drop"] = 2.0
    bars = SILENCES[pick(rng, options)]
    return {codebook: frozenset(places) for codebook, places in bars.items()}


def instruments_in(codes: np.ndarray) -> list[str]:
    """Instrument tags whose voices sound in ``codes``, in the order of ``tags.INSTRUMENTS``."""
    found = set()
    for codebook in (tokens.PERCUSSION, *tokens.PITCHED_VOICES):
        for code in np.unique(codes[:, codebook]).tolist():
            sound = (
                tokens.read_drum(codebook, code)
                if codebook == tokens.PERCUSSION
                else tokens.read_chord(code)
                if codebook == tokens.CHORDS
                else tokens.read_note(codebook, code)
            )
            if sound is not None and (tag := TAG_OF.get((codebook, sound.voice))):
                found.add(tag)
    return [tag for tag in tags.INSTRUMENTS if tag in found]
