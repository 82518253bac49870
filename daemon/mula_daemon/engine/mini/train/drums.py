"""Drum parts: which groove a bar plays, what is varied in it, and the fills."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Final

import numpy as np

from mula_daemon.engine.mini import tokens
from mula_daemon.engine.mini.train.chance import pick_set, several
from mula_daemon.engine.mini.train.genre import DrumPart, drum_codes

STEPS: Final = tokens.STEPS_PER_BAR
FORMS: Final = ("AAAAAAAA", "AAABAAAB", "AABBAABB", "ABABABAB", "AAAABBBB", "ABACABAC", "AABAAABC")
"""Which of a part's grooves each bar of a phrase plays."""
CRASH: Final = tokens.PERCUSSION_VOICES.index("crash")


@dataclass(frozen=True, slots=True)
class DrumPlan:
    """What a drummer decided for one instrument of one piece.

    ``grooves`` holds codes [steps] by letter of the form; ``fill_every`` the chance of a
    fill at the end of the fourth and of the eighth bar; ``loose`` the chance that a small
    hit comes or goes.
    """

    codebook: int
    grooves: dict[str, np.ndarray]
    form: str
    fills: tuple[np.ndarray, ...]
    fill_at: tuple[float, float]
    loose: float
    crash: float


def plan(
    rng: random.Random, codebook: int, part: DrumPart, energy: str, ghosts: bool
) -> DrumPlan | None:
    """Draws a plan, or None where the part sits this piece out. Without ``ghosts`` no soft hits.

    A part whose presence is 1 always plays: it is what the genre is known by.
    """
    calmer = {"calm": 0.75, "energetic": 1.15}.get(energy, 1.0)
    if part.presence < 1 and rng.random() >= part.presence * calmer:
        return None
    chosen = pick_set(rng, part.sets)
    pool = chosen.grooves
    if energy == "calm" and chosen.sparse:
        pool = chosen.sparse + chosen.grooves[:1]
    elif energy == "energetic" and chosen.busy:
        pool = chosen.busy + chosen.grooves[-1:]
    grooves = several(rng, pool, 3)
    grooves += [grooves[0]] * (3 - len(grooves))
    voices = chosen.voices
    fills = several(rng, part.fills, 2)
    toms = part.toms or voices
    return DrumPlan(
        codebook=codebook,
        grooves={
            letter: _without_ghosts(drum_codes(text, voices), ghosts)
            for letter, text in zip("ABC", grooves, strict=True)
        },
        form=rng.choice(FORMS),
        fills=tuple(drum_codes(text, toms) for text in fills),
        fill_at=(0.4, 0.85) if energy != "calm" else (0.2, 0.6),
        loose={"calm": 0.01, "energetic": 0.03}.get(energy, 0.02),
        crash=part.crash,
    )


def play(rng: random.Random, plan: DrumPlan, bar: int, level: int, filling: bool) -> np.ndarray:
    """Codes int16 [16] of one bar. ``level`` shifts velocities by -1, 0 or 1."""
    place = bar % tokens.PHRASE_BARS
    groove = plan.grooves[plan.form[place]]
    start = bar * STEPS % len(groove)
    out = groove[start : start + STEPS].copy()
    _humanise(rng, out, plan.loose)
    if filling and plan.fills:
        fill = plan.fills[place == tokens.PHRASE_BARS - 1 and len(plan.fills) > 1]
        out = np.where(fill >= 0, fill, out)
    if level:
        hit = out > 0
        voice, velocity = np.divmod(out - 1, len(tokens.VELOCITIES))
        velocity = np.clip(velocity + level, 0, len(tokens.VELOCITIES) - 1)
        out = np.where(hit, 1 + voice * len(tokens.VELOCITIES) + velocity, out)
    if plan.crash and place == 0 and rng.random() < plan.crash:
        out[0] = tokens.drum_code(CRASH, 1 + (level >= 0))
    return out.astype(np.int16)


def _without_ghosts(groove: np.ndarray, ghosts: bool) -> np.ndarray:
    """The groove, or the groove with its soft hits left out where it has others."""
    soft = (groove > 0) & ((groove - 1) % len(tokens.VELOCITIES) == 0)
    if ghosts or not (groove > 0).any() or soft.sum() == (groove > 0).sum():
        return groove
    return np.where(soft, tokens.REST, groove)


def _humanise(rng: random.Random, bar: np.ndarray, loose: float) -> None:
    """Ghosts a weak hit, drops a ghost, or doubles a hit softly: one small thing at a time."""
    if rng.random() > loose * 8:
        return
    step = rng.choice((3, 5, 6, 7, 9, 11, 13, 14, 15))
    code = int(bar[step])
    if code > 0:
        ghost = (code - 1) % 3 == 0
        bar[step] = tokens.REST if ghost else code - 1
    elif bar[step - 1] > 0:
        voice = (int(bar[step - 1]) - 1) // 3
        bar[step] = tokens.drum_code(voice, 0)
