"""Every drum's one-shot: made once, placed in stereo, at three strengths."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Final

import numpy as np
from scipy.signal import sosfilt

from mula_daemon.engine.mini.synth.audio import Samples, butterworth, decibels, place
from mula_daemon.engine.mini.synth.drum_parts import Wave, Workshop
from mula_daemon.engine.mini.synth.hats import make_hat
from mula_daemon.engine.mini.synth.kicks import make_kick
from mula_daemon.engine.mini.synth.percussion import make_percussion
from mula_daemon.engine.mini.synth.snares import make_snare
from mula_daemon.engine.mini.tokens import DRUM_VOICES, INSTRUMENTS, VELOCITIES

Strengths = tuple[Samples, ...]
"""A one-shot ``[2, n]`` for each of `VELOCITIES`."""

MAKERS: Final[tuple[Callable[[str, Workshop], Wave], ...]] = (
    make_kick, make_snare, make_hat, make_percussion,
)  # fmt: skip
LOUDNESS: Final = (-12.7, -16.5, -25.0, -21.0)
"""Loudness of a full hit of each drum codebook over its loudest tenth of a second, in dBFS."""
HIGHEST_PEAKS: Final = (0.75, 0.55, 0.26, 0.4)
"""What a full hit's peaks may reach all the same: short hits are loud by their peaks."""
TRIMS: Final[dict[tuple[str, str], float]] = {
    ("kick", "808"): -1.5,
    ("kick", "jazz"): -5.0,
    ("kick", "metal"): -1.0,
    ("snare", "brush"): -5.0,
    ("snare", "rim"): -3.0,
    ("hats", "shaker"): -2.0,
    ("percussion", "tick"): -5.0,
    ("percussion", "bleep"): -4.0,
    ("percussion", "cabasa"): -3.0,
    ("percussion", "impact"): 4.0,
    ("percussion", "crash"): 1.0,
}
"""Decibels by which a voice departs from its codebook's loudness."""
PANS: Final[dict[tuple[str, str], float]] = {
    ("hats", "ride"): 0.25,
    ("hats", "shaker"): -0.3,
    ("percussion", "conga_high"): 0.35,
    ("percussion", "conga_low"): -0.3,
    ("percussion", "tambourine"): -0.35,
    ("percussion", "cowbell"): 0.22,
    ("percussion", "tom_high"): 0.4,
    ("percussion", "tom_low"): -0.4,
    ("percussion", "cabasa"): 0.4,
    ("percussion", "snap"): 0.1,
    ("percussion", "wood"): -0.4,
    ("percussion", "bleep"): 0.3,
    ("percussion", "tick"): -0.2,
}
HATS_PAN: Final = 0.12
WIDTHS: Final = {"clap909": 0.35, "clap808": 0.3, "open909": 0.25, "open808": 0.25,
                 "open_acoustic": 0.3, "ride": 0.3, "brush": 0.25, "crash": 0.55,
                 "reverse": 0.55, "impact": 0.5, "dubstep": 0.2, "rock": 0.2, "pop": 0.2,
                 "snap": 0.25, "tambourine": 0.2}  # fmt: skip
"""How much of a second, different strike lies left against right."""

RISE_SECONDS: Final = 0.00035
"""In which every one-shot comes up from silence."""

_SOFTER: Final = {0: 0.75, 1: 0.3, 2: 0.0}
"""How much of a hit's brightness is missing at each velocity level."""


@functools.cache
def one_shots(sample_rate: int) -> tuple[dict[str, Strengths], ...]:
    """The built-in one-shots of drum codebooks 0..3 by voice name; made once."""
    return tuple(
        {voice: _make(codebook, voice, sample_rate) for voice in voices}
        for codebook, voices in enumerate(DRUM_VOICES)
    )


def strengths(full: Samples, sample_rate: int) -> Strengths:
    """A full hit ``[2, n]`` at each of `VELOCITIES`: softer hits are duller too."""
    lowpass = butterworth(1, 2500.0, "lowpass", sample_rate)
    dull = sosfilt(lowpass, full).astype(np.float32)
    return tuple(
        ((full + (dull - full) * np.float32(_SOFTER[level])) * np.float32(velocity))
        for level, velocity in enumerate(VELOCITIES)
    )


def balanced(sound: Samples, codebook: int, sample_rate: int) -> Samples:
    """Somebody else's full hit ``[2, n]`` as loud as ours of that drum codebook."""
    loudest = max(_loudness(channel, sample_rate) for channel in sound)
    level = decibels(LOUDNESS[codebook]) / loudest
    highest = HIGHEST_PEAKS[codebook] / float(np.abs(sound).max())
    return sound * np.float32(min(level, highest))


def _make(codebook: int, voice: str, sample_rate: int) -> Strengths:
    instrument = INSTRUMENTS[codebook]
    make = MAKERS[codebook]
    mono = _clean(make(voice, _workshop(codebook, voice, 0, sample_rate)), sample_rate)
    level = decibels(LOUDNESS[codebook] + TRIMS.get((instrument, voice), 0.0))
    mono *= min(level / _loudness(mono, sample_rate), HIGHEST_PEAKS[codebook] / np.abs(mono).max())
    pan = PANS.get((instrument, voice), HATS_PAN if instrument == "hats" else 0.0)
    full = place(mono.astype(np.float32), pan)
    # A kick named like a wide snare must stay in the middle.
    width = 0.0 if instrument == "kick" else WIDTHS.get(voice, 0.0)
    if width:
        other = make(voice, _workshop(codebook, voice, 1, sample_rate))[: len(mono)]
        high = butterworth(2, 1200.0, "highpass", sample_rate)
        side = _clean(sosfilt(high, other), sample_rate)
        side *= width * level / _loudness(side, sample_rate)
        full += np.stack([side, -side]).astype(np.float32)
    return strengths(full, sample_rate)


def _workshop(codebook: int, voice: str, strike: int, sample_rate: int) -> Workshop:
    index = DRUM_VOICES[codebook].index(voice)
    return Workshop(sample_rate, np.random.default_rng([codebook, index, strike]))


def _clean(wave: Wave, sample_rate: int) -> Wave:
    """Without DC, and from silence to silence."""
    highpass = butterworth(2, 22.0, "highpass", sample_rate)
    wave = sosfilt(highpass, wave)
    # Modes are struck at any phase. A third of a millisecond is no softer, and no click.
    rise = int(RISE_SECONDS * sample_rate)
    wave[:rise] *= 0.5 - 0.5 * np.cos(np.pi * np.arange(rise) / rise)
    fade = min(len(wave), int(0.01 * sample_rate))
    wave[-fade:] *= np.linspace(1.0, 0.0, fade)
    return wave


def _loudness(wave: Wave, sample_rate: int) -> float:
    """Rms of the loudest tenth of a second, weighted as the ear does (after ITU-R BS.1770)."""
    heard = sosfilt(butterworth(1, 60.0, "highpass", sample_rate), wave)
    heard += 0.58 * sosfilt(butterworth(2, 1500.0, "highpass", sample_rate), heard)
    span = sample_rate // 10
    energy = np.cumsum(heard**2)
    energy = np.concatenate([np.zeros(1), energy, np.full(span, energy[-1])])
    return float(np.sqrt(np.max(energy[span:] - energy[:-span]) / span))
