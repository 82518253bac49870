"""Lead lines: a motif that is stated, repeated, varied and answered."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Final

import numpy as np

from mula_daemon.engine.mini import tokens
from mula_daemon.engine.mini.train.genre import Mood, PitchedSet, strokes
from mula_daemon.engine.mini.train.harmony import Progression, fold

STEPS: Final = tokens.STEPS_PER_BAR
SENTENCES: Final = ("aaba", "abab", "aabc", "abac", "a.a.", "ab..", "aaab")
"""Four bars of melody: a motif, its answer, its variation, and breath."""
ARPS: Final = (
    (0, 2, 4, 7),
    (0, 4, 2, 7),
    (0, 2, 4, 2),
    (7, 4, 2, 0),
    (0, 7, 4, 7),
    (0, 4, 7, 4, 2),
)
LEAPS: Final = (-2, -1, -1, 1, 1, 2, 0, 3, -3)


@dataclass(frozen=True, slots=True)
class Motif:
    """One bar: a rhythm, and one degree per note of it."""

    rhythm: tuple[str, ...]
    degrees: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class MelodyPlan:
    """What the lead decided: its voice, how it plays, its motifs by letter."""

    voice: int
    style: str
    motifs: dict[str, Motif]
    sentence: str
    arp: tuple[int, ...]
    follow: bool


def plan(rng: random.Random, part: PitchedSet, voice: int, mood: Mood) -> MelodyPlan:
    """Draws a plan."""
    a = _motif(rng, rng.choice(part.rhythms), mood)
    b = _motif(rng, rng.choice(part.rhythms), mood)
    c = Motif(a.rhythm, tuple(fold(d + rng.choice((1, 2, -1))) for d in a.degrees))
    sentence = rng.choice(
        SENTENCES if part.style in ("motif", "solo") else ("aaaa", "aaab", "abab")
    )
    return MelodyPlan(
        voice=voice,
        style=part.style,
        motifs={"a": a, "b": b, "c": c},
        sentence=sentence,
        arp=rng.choice(ARPS),
        follow=part.style in ("arp",) or rng.random() < 0.4,
    )


def play(rng: random.Random, plan: MelodyPlan, chords: Progression, bar: int) -> np.ndarray:
    """Lead codes int16 [16] of one bar."""
    out = np.zeros(STEPS, dtype=np.int16)
    place = bar % tokens.PHRASE_BARS
    letter = plan.sentence[place % 4]
    if letter == ".":
        return out
    motif = plan.motifs[letter]
    if plan.style == "solo" and rng.random() < 0.6:
        motif = _wander(rng, motif)
    # The last note of the second half settles on the tonic or the fifth.
    close = place == tokens.PHRASE_BARS - 1 and plan.style in ("motif", "solo")
    degrees = _arpeggio(plan, chords, bar) if plan.style == "arp" else motif.degrees
    count = sum(stroke == "x" for stroke in motif.rhythm[:STEPS])
    offset = bar * STEPS % len(motif.rhythm)
    note = sum(stroke == "x" for stroke in motif.rhythm[:offset])
    for step in range(STEPS):
        stroke = motif.rhythm[offset + step]
        if stroke == "-":
            out[step] = tokens.HOLD
        elif stroke == "x":
            degree = degrees[note % len(degrees)]
            if plan.follow and plan.style != "arp":
                root = chords.at(bar * STEPS + step)[0]
                degree += root if root <= 3 else root - 7
            if close and note == count - 1:
                degree = 0 if degree < 3 else 4
            out[step] = tokens.note_code(plan.voice, fold(degree))
            note += 1
    return out


def _motif(rng: random.Random, rhythm: str, mood: Mood) -> Motif:
    """A contour by small steps: leaps turn back, strong beats lean on the triad."""
    steps = strokes(rhythm)
    here = rng.choice((0, 2, 4, 4, 7, -3))
    degrees: list[int] = []
    last = 0
    for step, stroke in enumerate(steps):
        if stroke != "x":
            continue
        if degrees:
            move = rng.choice(LEAPS)
            if abs(last) > 1:
                move = -1 if last > 0 else 1
            elif rng.random() < abs(mood.contour):
                move = abs(move) if mood.contour > 0 else -abs(move)
            here, last = here + move, move
        if step % 8 == 0 and here % 7 not in (0, 2, 4):
            here += 1
        here = fold(here)
        degrees.append(here)
    return Motif(steps, tuple(degrees) or (0,))


def _wander(rng: random.Random, motif: Motif) -> Motif:
    """A soloist's repeat: same rhythm, the line bent somewhere."""
    degrees = list(motif.degrees)
    start = rng.randrange(len(degrees))
    shift = rng.choice((-2, -1, 1, 2))
    return Motif(
        motif.rhythm, tuple(d if i < start else fold(d + shift) for i, d in enumerate(degrees))
    )


def _arpeggio(plan: MelodyPlan, chords: Progression, bar: int) -> tuple[int, ...]:
    root = chords.at(bar * STEPS)[0]
    base = root if root <= 3 else root - 7
    return tuple(fold(base + step) for step in plan.arp)
