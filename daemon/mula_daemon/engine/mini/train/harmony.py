"""Chord progressions, comping and bass lines, all in scale degrees."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Final

import numpy as np

from mula_daemon.engine.mini import tokens
from mula_daemon.engine.mini.train.genre import Genre, Mood, strokes

STEPS: Final = tokens.STEPS_PER_BAR
HALF: Final = STEPS // 2


@dataclass(frozen=True, slots=True)
class Progression:
    """Chord roots (0..6) by half bar, and whether each is a seventh; repeats for ever."""

    roots: tuple[int, ...]
    sevenths: tuple[bool, ...]

    def at(self, step: int) -> tuple[int, int]:
        """Root and voicing that sound at ``step``, counted in sixteenths from the start."""
        i = step // HALF % len(self.roots)
        return self.roots[i], int(self.sevenths[i])


def progression(rng: random.Random, genre: Genre, mood: Mood) -> Progression:
    """Draws one; the mood prefers progressions that start and dwell on its own degrees."""
    weights = []
    for row in genre.progressions:
        degrees = [int(part) for token in row for part in token.split("/")]
        liked = sum(degree in mood.roots for degree in degrees) / len(degrees)
        weights.append(0.15 + liked**2 + 0.8 * (degrees[0] == mood.roots[0]))
    row = rng.choices(genre.progressions, weights)[0]
    roots: list[int] = []
    for token in row:
        halves = token.split("/")
        roots += [int(halves[0]) - 1, int(halves[-1]) - 1]
    share = min(max(genre.sevenths + mood.sevenths, 0.0), 1.0)
    whole = rng.random() < share  # a player who likes sevenths plays them throughout
    sevenths = tuple(
        whole and (share > 0.6 or rng.random() < 0.6) for _ in range(len(roots) // 2) for _ in "ab"
    )
    return Progression(tuple(roots), sevenths)


def comp(voice: int, rhythm: str, chords: Progression, bar: int) -> np.ndarray:
    """Chord codes int16 [16] of one bar in one rhythm."""
    steps = strokes(rhythm)
    first = bar * STEPS
    out = np.zeros(STEPS, dtype=np.int16)
    for step in range(STEPS):
        stroke = steps[(first + step) % len(steps)]
        if stroke == "-":
            out[step] = tokens.HOLD
        elif stroke in "xa":
            root, voicing = chords.at(first + (STEPS if stroke == "a" else step))
            out[step] = tokens.chord_code(voice, root, voicing)
    # A chord held over a change of harmony would be the wrong one: strike it again.
    for step in (0, HALF):
        if out[step] == tokens.HOLD and chords.at(first + step) != chords.at(first + step - 1):
            root, voicing = chords.at(first + step)
            out[step] = tokens.chord_code(voice, root, voicing)
    return out


def low(root: int) -> int:
    """The bass octave of a chord root: -3..3."""
    return root if root <= 3 else root - 7


def fold(degree: int) -> int:
    """``degree`` brought into -7..7 by octaves."""
    while degree > tokens.HIGHEST_DEGREE:
        degree -= 7
    while degree < tokens.LOWEST_DEGREE:
        degree += 7
    return degree


def bass_riff(voice: int, riff: str, chords: Progression, bar: int) -> np.ndarray:
    """Bass codes int16 [16]: the riff's intervals above each chord's root."""
    steps = strokes(riff)
    first = bar * STEPS
    out = np.zeros(STEPS, dtype=np.int16)
    for step in range(STEPS):
        stroke = steps[(first + step) % len(steps)]
        root = chords.at(first + step)[0]
        if stroke == "-":
            out[step] = tokens.HOLD
        elif stroke != ".":
            out[step] = tokens.note_code(voice, fold(low(root) + int(stroke) - 1))
    if out[0] == tokens.HOLD and chords.at(first)[0] != chords.at(first - 1)[0]:
        out[0] = tokens.note_code(voice, fold(low(chords.at(first)[0])))
    return out


def walk(rng: random.Random, voice: int, rhythm: str, chords: Progression, bar: int) -> np.ndarray:
    """A walking bass: chord tones that lead by step into the next chord's root."""
    steps = strokes(rhythm)
    first = bar * STEPS
    out = np.zeros(STEPS, dtype=np.int16)
    here = low(chords.at(first)[0])
    target = low(chords.at(first + STEPS)[0])
    approach = target + rng.choice((-1, 1))
    line = rng.choice(((0, 2, 4), (0, 1, 2), (0, 4, 2), (0, 2, 5), (0, -1, -3)))
    beats = [fold(here + step) for step in line] + [fold(approach)]
    for step in range(STEPS):
        stroke = steps[step]
        if stroke == "-":
            out[step] = tokens.HOLD
        elif stroke == "x":
            out[step] = tokens.note_code(voice, beats[step // 4])
    return out
