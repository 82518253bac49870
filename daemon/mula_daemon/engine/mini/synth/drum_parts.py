"""What drums are made of: falling tones, rings of modes, bursts of noise.

Used once per one-shot, at warm-up. All are mono float64 ``[n]``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.signal import fftconvolve, sosfilt

from mula_daemon.engine.mini.synth.audio import butterworth
from mula_daemon.engine.mini.synth.partials import Modes, Partials

Wave = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Workshop:
    """Where one-shots are made: the rate in Hz and the chance in their noise."""

    sample_rate: int
    rng: np.random.Generator

    def seconds(self, length: float) -> Wave:
        """The time axis of ``length`` seconds."""
        return np.arange(int(length * self.sample_rate)) / self.sample_rate

    def fall(self, length: float, start: float, end: float, drop: float) -> Wave:
        """A sine that falls from ``start`` to ``end`` Hz with the time constant ``drop``."""
        t = self.seconds(length)
        turns = end * t + (start - end) * drop * (1.0 - np.exp(-t / drop))
        wave: Wave = np.sin(2.0 * np.pi * turns)
        return wave

    def ring(
        self,
        length: float,
        hertz: Sequence[float] | Wave,
        levels: Sequence[float] | Wave | float,
        decays: Sequence[float] | Wave | float,
    ) -> Wave:
        """Modes that ring and die: frequencies in Hz, levels, time constants in seconds."""
        modes = Modes(hertz, decays, self.sample_rate)
        amplitudes = np.broadcast_to(np.asarray(levels, np.float64), len(hertz))
        partials = Partials(modes, amplitudes, self.rng.random(len(hertz)))
        wave: Wave = partials.render(int(length * self.sample_rate))[0].astype(np.float64)
        return wave

    def noise(
        self, length: float, low: float, high: float, decay: float, attack: float = 0.0
    ) -> Wave:
        """Noise between two frequencies in Hz that swells in ``attack`` and dies by ``decay``."""
        t = self.seconds(length)
        white = self.rng.standard_normal(len(t))
        burst = self.band(white, low, high) * np.exp(-t / decay)
        if attack:
            burst *= np.minimum(t / attack, 1.0)
        return burst

    def band(self, wave: Wave, low: float, high: float, order: int = 2) -> Wave:
        """The part of a wave between two frequencies; 0 and infinity leave a side open."""
        if low > 0.0:
            wave = sosfilt(butterworth(order, low, "highpass", self.sample_rate), wave)
        if high < 0.45 * self.sample_rate:
            wave = sosfilt(butterworth(order, high, "lowpass", self.sample_rate), wave)
        return wave

    def room(self, wave: Wave, length: float, level: float, low: float, high: float) -> Wave:
        """A wave followed by the diffuse tail of a room of so many seconds."""
        tail = self.noise(length, low, high, length / 4.5, attack=0.004)
        tail *= level / np.sqrt(np.sum(tail**2))
        wet: Wave = fftconvolve(wave[: int(0.12 * self.sample_rate)], tail)
        return mixed(wave, wet)

    def grain(self, wave: Wave, rate: float, bits: int) -> Wave:
        """A wave as an old sampler would hold it: fewer samples per second, fewer bits."""
        step = max(1, round(self.sample_rate / rate))
        held = np.repeat(wave[::step], step)[: len(wave)]
        levels = 2.0 ** (bits - 1)
        return np.round(held * levels) / levels


def mixed(*waves: Wave) -> Wave:
    """The sum of waves of any lengths."""
    total = np.zeros(max(len(wave) for wave in waves))
    for wave in waves:
        total[: len(wave)] += wave
    return total


def later(wave: Wave, samples: int) -> Wave:
    """A wave that begins so many samples later."""
    return np.concatenate([np.zeros(samples), wave])


def driven(wave: Wave, drive: float) -> Wave:
    """A wave saturated by tanh, its peaks near 1."""
    shaped: Wave = np.tanh(drive * wave) / np.tanh(drive)
    return shaped
