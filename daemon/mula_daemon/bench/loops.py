"""Clips as sound: exactly as long as their bars, and no click where they loop."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from mula_daemon.audio import Samples
from mula_daemon.engine.lm import Codes
from mula_daemon.engine.mini import tokens
from mula_daemon.engine.mini.synth import SAMPLE_RATE, ClipRenderer, Synthesiser

TEMPOS: Final = (60.0, 83.7, 97.3, 120.0, 128.0, 141.4, 174.0, 200.0)
KEYS: Final = ("Cmaj", "Amin", "F#min", "Ebmaj")
BEATS_PER_BAR: Final = 4
STEP_PERCENTILE: Final = 99.9


@dataclass(frozen=True, slots=True)
class Loops:
    """``bar_exact``: the share of clips as long as their bars, to the sample. ``worst_click``:
    the greatest step across a loop's seam, as a part of the 99.9th percentile of the steps
    between samples of the same clip; up to 1 it is a step like any other.
    """

    clips: int
    bar_exact: float
    worst_click: float


def looped(codes: Codes, bpm: float, key: str, seed: int) -> Samples:
    """Codes [S, 8] as the sound of a clip file, float32 [n, 2]: its tail rings in its head."""
    renderer = ClipRenderer(Synthesiser(bpm, key, seed, SAMPLE_RATE), len(codes))
    sound = np.concatenate([renderer.render(row).mix for row in codes.tolist()])
    for patch in renderer.seam():
        sound[patch.at : patch.at + len(patch.mix)] = patch.mix
    return sound


def click(sound: Samples) -> float:
    """The step from the last sample to the first against the clip's own steps; see `Loops`."""
    steps = np.abs(np.diff(sound, axis=0)).max(axis=1)
    seam = np.abs(sound[0] - sound[-1]).max()
    return float(seam / max(np.percentile(steps, STEP_PERCENTILE), 1e-9))


def measure_loops(clips: Sequence[Codes]) -> Loops:
    """Renders each of ``clips`` [S, 8] at another tempo, key and seed."""
    exact, clicks = [], []
    for number, codes in enumerate(clips):
        bpm = TEMPOS[number % len(TEMPOS)]
        sound = looped(codes, bpm, KEYS[number % len(KEYS)], number)
        bars = len(codes) / tokens.STEPS_PER_BAR
        exact.append(len(sound) == round(bars * BEATS_PER_BAR * 60 / bpm * SAMPLE_RATE))
        clicks.append(click(sound))
    return Loops(len(clips), float(np.mean(exact)), max(clicks))
