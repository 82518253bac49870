"""Cuts whole bars out of a sound, and makes a loop of them. Pure; nothing is stretched."""

from __future__ import annotations

from fractions import Fraction
from typing import Final

import numpy as np
from msgspec import Struct

from mula_daemon.audio import Samples
from mula_daemon.beats.grid import BeatGrid

FADE_SECONDS: Final = 0.02
_SLACK_SECONDS: Final = 0.03
"""A bar line may lie this much before the sound: its beat was found there all the same."""


class Cut(Struct, frozen=True):
    """``length`` samples from sample ``start`` on: ``bars`` whole bars at ``bpm``."""

    start: int
    length: int
    bars: int
    bpm: float


def cut_of(
    grid: BeatGrid, samples: int, rate: int, bars: int, beats_per_bar: int = 4
) -> Cut | None:
    """From the first bar line that has sound, ``bars`` bars or the most that fit; None: not one.

    ``samples`` is the length of the sound at ``rate`` Hz. The tempo is rounded to a thousandth,
    and the length is exact for it, as of every clip.
    """
    bpm = round(grid.bpm, 3)
    bar_seconds = beats_per_bar * 60.0 / bpm
    first = grid.first + grid.bar * grid.period
    first -= bar_seconds * ((first + _SLACK_SECONDS) // bar_seconds)
    start = max(0, round(first * rate))
    for count in range(bars, 0, -1):
        length = round(count * beats_per_bar * 60 * rate / Fraction(bpm))
        if start + length <= samples:
            return Cut(start, length, count, bpm)
    return None


def loop_of(sound: Samples, cut: Cut, rate: int) -> tuple[Samples, float]:
    """The cut of ``sound`` [n, channels] as a loop, and how many seconds its seam was faded.

    The end fades into what comes before the beginning, so that the attack of the first beat
    stays as it is; where too little comes before, the beginning fades out of what follows the
    end. Of two pieces that have nothing in common the powers add up to one.
    """
    end = cut.start + cut.length
    loop = sound[cut.start : end].copy()
    fade = min(round(FADE_SECONDS * rate), cut.length // 2)
    before, after = min(fade, cut.start), min(fade, len(sound) - end)
    size = max(before, after)
    if not size:
        return loop, 0.0
    angle = np.linspace(0.0, np.pi / 2, size + 2, dtype=np.float32)[1:-1, None]
    rising, falling = np.sin(angle), np.cos(angle)
    if before >= after:
        loop[-size:] = loop[-size:] * falling + sound[cut.start - size : cut.start] * rising
    else:
        loop[:size] = loop[:size] * rising + sound[end : end + size] * falling
    return loop, size / rate
