"""Blown, sung and drawn voices: two fixed spectra that melt into each other."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import scipy.fft

from mula_daemon.engine.mini.synth.audio import Samples, around, saturate
from mula_daemon.engine.mini.synth.envelopes import Envelope, seconds_from
from mula_daemon.engine.mini.synth.oscillators import Bend, Oscillators, radians
from mula_daemon.engine.mini.synth.sound import GatedSound, Setting
from mula_daemon.engine.mini.synth.wavetables import Phases, cycle, read_cycle

_BREATH_LOOP: Final = 1 << 16


@dataclass(frozen=True, slots=True)
class Formant:
    """A resonance of a throat or a tube: centre and width in Hz, and its gain."""

    hertz: float
    width: float
    gain: float


@dataclass(frozen=True, slots=True)
class Spectrum:
    """Harmonic levels, by number (``drawbars``) or by a slope through formants."""

    drawbars: tuple[tuple[float, float], ...] = ()
    slope: float = 1.0
    formants: tuple[Formant, ...] = ()

    def cycle(self, hertz: float, sample_rate: int) -> Samples:
        """One cycle of a note at ``hertz``, rms near 0.7."""
        count = max(1, int(0.42 * sample_rate / hertz))
        h = np.arange(1, count + 1, dtype=np.float64)
        if self.drawbars:
            levels = np.zeros(count)
            for number, level in self.drawbars:
                if number <= count:
                    levels[int(number) - 1] = level
        else:
            levels = h**-self.slope
            if self.formants:
                resonance = [
                    f.gain / (1.0 + ((h * hertz - f.hertz) / f.width) ** 2) for f in self.formants
                ]
                levels *= np.sum(resonance, axis=0)
        levels /= np.sqrt(np.sum(levels**2))
        # Schroeder's phases (1970) spread the energy over the cycle: a low crest.
        phases = -np.pi * h * (h - 1) / len(h)
        return cycle(levels * np.exp(1j * phases) * -1j)


@dataclass(frozen=True, slots=True)
class Wind:
    """A sustained voice.

    It starts on ``onset``'s spectrum and melts into ``body``'s in
    ``melt_seconds``. ``breath`` is the level of noise around the pitch,
    ``tremolo`` the depth of loudness swings at ``tremolo_rate`` Hz, in stereo
    when ``rotary``.
    """

    envelope: Envelope
    body: Spectrum
    onset: Spectrum | None = None
    melt_seconds: float = 0.08
    breath: float = 0.0
    tremolo: float = 0.0
    tremolo_rate: float = 5.0
    rotary: bool = False
    drive: float = 0.0
    level: float = 0.3
    bend: Bend = field(default_factory=Bend)


class Sustained(GatedSound):
    """Notes of a `Wind` that sound together. One thread."""

    def __init__(
        self, wind: Wind, hertz: Sequence[float], setting: Setting, glide: float = 0.0
    ) -> None:
        """``glide`` is where the pitch comes from, in cents off the note."""
        super().__init__(wind.envelope, setting)
        self._wind = wind
        self._wind_at = int(setting.rng.integers(_BREATH_LOOP))
        self._glide = glide
        onset = wind.onset or wind.body
        self._cycles = [
            (_cycle(onset, hz, setting.sample_rate), _cycle(wind.body, hz, setting.sample_rate))
            for hz in hertz
        ]
        self._oscillators = Oscillators(hertz, self._rate, setting.phases(len(hertz)))
        self._share = np.float32(1.0 / np.sqrt(len(hertz)))

    def render(self, n: int) -> Samples:
        """The next ``n`` samples, ``[2, n]`` when rotary, else ``[n]``."""
        wind, first = self._wind, self._gate.elapsed
        seconds = seconds_from(first, n, self._rate)
        bend = None
        if self._glide or not wind.bend.still:
            bend = wind.bend.factors(first, n, self._rate, self._glide)
        phases = self._oscillators.advance(n, bend)
        mix = np.zeros(n, np.float32)
        for i, (onset, body) in enumerate(self._cycles):
            mix += self._melted(onset, body, phases[i], seconds)
        if wind.breath:
            mix += self._breath(phases[0], first)
        mix = saturate(mix * self._share, wind.drive)
        mix *= self._gate.render(n) * np.float32(wind.level)
        if not wind.tremolo:
            return mix
        turn = np.sin(np.float32(2.0 * np.pi * wind.tremolo_rate) * seconds)
        swing = np.float32(wind.tremolo) * turn
        left: Samples = mix * (1.0 + swing)
        return np.stack([left, mix * (1.0 - swing)]) if wind.rotary else left

    def _melted(self, onset: Samples, body: Samples, phases: Phases, seconds: Samples) -> Samples:
        wave: Samples = read_cycle(body, phases)
        melt = np.float32(self._wind.melt_seconds)
        if self._wind.onset is not None and seconds[0] < 8.0 * melt:
            start = read_cycle(onset, phases)
            wave += (start - wave) * np.exp(-seconds / melt)
        return wave

    def _breath(self, phases: Phases, first: int) -> Samples:
        """Noise above the pitch: slow noise moved up by carriers."""
        noise = around(breath_loop(self._rate), self._wind_at + first, phases.size)
        angle = radians(phases)
        carrier = np.sin(3.0 * angle) + np.float32(0.7) * np.sin(8.0 * angle)
        breath: Samples = noise * carrier * np.float32(self._wind.breath)
        return breath


@functools.lru_cache(maxsize=256)
def _cycle(spectrum: Spectrum, hertz: float, sample_rate: int) -> Samples:
    return spectrum.cycle(hertz, sample_rate)


@functools.cache
def breath_loop(sample_rate: int) -> Samples:
    """A seamless loop of noise below 900 Hz, rms 1, ``[n]``; computed once."""
    hz = scipy.fft.rfftfreq(_BREATH_LOOP, 1.0 / sample_rate)
    turns = np.random.default_rng(11).random(hz.size)
    spectrum = np.exp(2j * np.pi * turns) / (1.0 + (hz / 600.0) ** 4)
    loop: Samples = scipy.fft.irfft(spectrum).astype(np.float32)
    loop /= np.sqrt(np.mean(loop**2))
    return loop
