"""The noises behind the music: vinyl, rain, a sweep, a drone, air."""

from __future__ import annotations

import functools
from typing import Final

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from mula_daemon.engine.mini.notes import Key
from mula_daemon.engine.mini.synth.audio import Samples, around
from mula_daemon.engine.mini.synth.envelopes import Envelope
from mula_daemon.engine.mini.synth.pads import Choir, Ensemble, ensemble_loop
from mula_daemon.engine.mini.synth.sound import InstrumentPart, Setting
from mula_daemon.engine.mini.tokens import NOISES

LOOP: Final = 1 << 17
SWEEP_SIXTEENTHS: Final = 64
"""A sweep rises over four bars, then starts again."""
LOWEST_DRONE: Final = 36
DRONE: Final = Ensemble(
    Envelope(1.2, 1.0, 1.0, 1.6), tilt=1.5, cutoff=520, cents=11, octave_up=0.12, level=0.075
)
LEVELS: Final = {"vinyl": 0.006, "rain": 0.03, "sweep": 0.035, "air": 0.022}
"""Rms of each noise's bed, linear full scale."""

_SWEEP_BANDS: Final = (250.0, 500.0, 1000.0, 2000.0, 4000.0, 8000.0)
_CRACKLES_PER_SECOND: Final = 11.0
_DROPS_PER_SECOND: Final = 55.0


def prepare(sample_rate: int) -> None:
    """Compute the loops of all noises."""
    for noise in ("vinyl", "rain", "air"):
        noise_loop(noise, sample_rate)
    for band in range(len(_SWEEP_BANDS)):
        _sweep_loop(band, sample_rate)
    for note in range(LOWEST_DRONE, LOWEST_DRONE + 12):
        for above in (0, 7):
            ensemble_loop(DRONE, note + above, sample_rate)


class Atmosphere:
    """The noise codes of the texture codebook. One thread."""

    def __init__(self, key: Key, setting: Setting) -> None:
        self._setting = setting
        self._at = int(setting.rng.integers(LOOP))
        self._levels = dict.fromkeys(NOISES, 0.0)
        self._drone = InstrumentPart()
        tonic = LOWEST_DRONE + (key.tonic - LOWEST_DRONE) % 12
        self._drone_notes = (tonic, tonic + 7)

    def render(self, noise: str, frame: int, n: int) -> Samples:
        """The next ``n`` samples of a noise, float32 ``[2, n]``, melting out of the last one."""
        mix = np.zeros((2, n), np.float32)
        for name, level in LEVELS.items():
            before, now = self._levels[name], level if name == noise else 0.0
            if before or now:
                gain = np.linspace(before, now, n, dtype=np.float32)
                mix += self._bed(name, frame, n) * gain
            self._levels[name] = now
        self._at = (self._at + n) % LOOP
        if noise == "drone" and not self._drone.sounding:
            self._drone.start([Choir(DRONE, self._drone_notes, self._setting)], 0)
        elif noise != "drone":
            self._drone.release(0)
        mix += self._drone.render(n)
        return mix

    def _bed(self, name: str, frame: int, n: int) -> Samples:
        rate = self._setting.sample_rate
        if name == "sweep":
            return self._sweep(frame, n)
        bed = self._looped(noise_loop(name, rate), n).copy()
        if name == "vinyl":
            self._scatter(bed, _CRACKLES_PER_SECOND, _crackles(rate), 60.0)
        if name == "rain":
            self._scatter(bed, _DROPS_PER_SECOND, _drops(rate), 5.0)
        return bed

    def _sweep(self, frame: int, n: int) -> Samples:
        """Noise whose band climbs: neighbouring bands melt into each other."""
        part = np.linspace(frame, frame + 1, n, dtype=np.float32) % SWEEP_SIXTEENTHS
        position = part / SWEEP_SIXTEENTHS * (len(_SWEEP_BANDS) - 1)
        lowest = int(position.min())
        mix = np.zeros((2, n), np.float32)
        for band in range(lowest, min(lowest + 3, len(_SWEEP_BANDS))):
            near = np.clip(1.0 - np.abs(position - band), 0.0, 1.0)
            if near.any():
                mix += self._looped(_sweep_loop(band, self._setting.sample_rate), n) * near
        mix *= 0.35 + 0.65 * (part / SWEEP_SIXTEENTHS) ** 2
        return mix

    def _looped(self, loop: Samples, n: int) -> Samples:
        return around(loop, self._at, n)

    def _scatter(self, bed: Samples, per_second: float, grains: Samples, level: float) -> None:
        """Add grains ``[kinds, m]`` at random places, loudness and sides."""
        rng, n = self._setting.rng, bed.shape[1]
        kinds, size = grains.shape
        if n <= size:
            return
        for _ in range(int(rng.poisson(per_second * n / self._setting.sample_rate))):
            at = int(rng.integers(n - size))
            # Few loud ones among many soft ones.
            gains = np.float32(level * rng.random() ** 3) * rng.uniform(0.3, 1.0, (2, 1))
            bed[:, at : at + size] += gains.astype(np.float32) * grains[rng.integers(kinds)]


@functools.cache
def noise_loop(name: str, sample_rate: int) -> Samples:
    """A seamless stereo loop of a noise, rms 1, float32 ``[2, LOOP]``."""
    hz = scipy.fft.rfftfreq(LOOP, 1.0 / sample_rate)
    match name:
        case "vinyl":
            # Surface hiss over the motor's rumble.
            colour = _band(hz, 900.0, 7000.0) + 1.3 * _band(hz, 35.0, 70.0)
        case "rain":
            colour = _band(hz, 700.0, 9000.0) / np.sqrt(1.0 + hz / 2500.0)
        case _:
            colour = _band(hz, 2500.0, 12000.0) + 0.6 * _band(hz, 300.0, 700.0)
    return _shaped(colour, NOISES.index(name))


@functools.cache
def _sweep_loop(band: int, sample_rate: int) -> Samples:
    centre = _SWEEP_BANDS[band]
    hz = scipy.fft.rfftfreq(LOOP, 1.0 / sample_rate)
    return _shaped(_band(hz, centre / 1.3, centre * 1.3), 100 + band)


def _band(hz: NDArray[np.float64], low: float, high: float) -> NDArray[np.float64]:
    safe = np.maximum(hz, 1.0)
    response: NDArray[np.float64] = 1.0 / ((1.0 + (low / safe) ** 4) * (1.0 + (safe / high) ** 4))
    return response


def _shaped(colour: NDArray[np.float64], seed: int) -> Samples:
    turns = np.random.default_rng(seed).random((2, colour.size))
    spectrum = (colour * np.exp(2j * np.pi * turns)).astype(np.complex64)
    spectrum[:, 0] = 0.0
    loop: Samples = scipy.fft.irfft(spectrum, axis=1).astype(np.float32, copy=False)
    loop /= np.sqrt(np.mean(loop**2))
    return loop


@functools.cache
def _crackles(sample_rate: int) -> Samples:
    """Short clicks of dust in a groove, ``[kinds, m]``."""
    rng = np.random.default_rng(7)
    t = np.arange(int(0.003 * sample_rate)) / sample_rate
    kinds = [
        np.sin(2.0 * np.pi * rng.uniform(900.0, 4500.0) * t) * np.exp(-t / rng.uniform(1e-4, 4e-4))
        for _ in range(8)
    ]
    return np.array(kinds, np.float32)


@functools.cache
def _drops(sample_rate: int) -> Samples:
    """Drops on leaves and water, ``[kinds, m]``."""
    rng = np.random.default_rng(8)
    t = np.arange(int(0.012 * sample_rate)) / sample_rate
    kinds = [
        np.sin(2.0 * np.pi * rng.uniform(1200.0, 5000.0) * t * (1.0 + rng.uniform(0.0, 9.0) * t))
        * np.exp(-t / rng.uniform(6e-4, 2.5e-3))
        for _ in range(12)
    ]
    return np.array(kinds, np.float32)
