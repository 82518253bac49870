"""Ensembles: loops in which every harmonic is a narrow band of noise.

The PADsynth algorithm of Paul Nasca (ZynAddSubFX, public domain): place each
harmonic in a long spectrum as a bell curve with random phases and transform
back; the loop that comes out is seamless and sounds like many players.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import scipy.fft

from mula_daemon.engine.mini.notes import hertz
from mula_daemon.engine.mini.synth.audio import Samples, around
from mula_daemon.engine.mini.synth.envelopes import Envelope
from mula_daemon.engine.mini.synth.sound import GatedSound, Setting

LOOP: Final = 1 << 16
_STEADY: Final = 1.2


@dataclass(frozen=True, slots=True)
class Ensemble:
    """The colour of an ensemble.

    ``tilt`` is the power by which harmonics fall, ``cutoff`` Hz a gentle
    lowpass, ``cents`` how far the players spread, ``octave_up`` the level of a
    section that doubles the notes.
    """

    envelope: Envelope
    tilt: float
    cutoff: float
    cents: float
    octave_up: float = 0.0
    level: float = 0.1


@functools.cache
def ensemble_loop(ensemble: Ensemble, note: int, sample_rate: int) -> Samples:
    """A seamless loop of a MIDI note, float32 ``[LOOP]``, rms 1; computed once (2 ms).

    Read twice, half a loop apart, it makes a wide stereo pair.
    """
    rng = np.random.default_rng([note, int(ensemble.cutoff)])
    spectrum = np.zeros(LOOP // 2 + 1)
    bin_hz = sample_rate / LOOP
    _add_section(spectrum, hertz(note) / bin_hz, 1.0, ensemble, bin_hz)
    if ensemble.octave_up:
        _add_section(spectrum, 2.0 * hertz(note) / bin_hz, ensemble.octave_up, ensemble, bin_hz)
    turned = spectrum * np.exp(2j * np.pi * rng.random(spectrum.size))
    loop: Samples = scipy.fft.irfft(turned.astype(np.complex64)).astype(np.float32, copy=False)
    loop /= np.sqrt(np.mean(loop**2))
    return loop


def _add_section(
    spectrum: np.ndarray, centre: float, level: float, ensemble: Ensemble, bin_hz: float
) -> None:
    """Add the harmonics of a tone whose fundamental lies at bin ``centre``."""
    spread = 2.0 ** (ensemble.cents / 1200.0) - 1.0
    for h in range(1, int(0.45 * 2 * len(spectrum) / centre)):
        hz = h * centre * bin_hz
        if hz > 4.0 * ensemble.cutoff:
            break
        amplitude = level * h**-ensemble.tilt / (1.0 + (hz / ensemble.cutoff) ** 2)
        # Bands of higher harmonics widen, but less than in proportion, or they blur.
        width = max(0.6, h**0.85 * centre * spread)
        low, high = int(h * centre - 3.5 * width), int(h * centre + 3.5 * width) + 2
        bins = np.arange(max(low, 1), min(high, len(spectrum)))
        bell = np.exp(-(((bins - h * centre) / width) ** 2))
        spectrum[bins] += amplitude * bell / np.sqrt(width)
        # One player who stays in tune keeps the others' beating from falling silent.
        spectrum[round(h * centre)] += _STEADY * amplitude


class Choir(GatedSound):
    """Notes of an `Ensemble` that sound together. One thread."""

    def __init__(self, ensemble: Ensemble, notes: Sequence[int], setting: Setting) -> None:
        """``notes`` are MIDI numbers."""
        super().__init__(ensemble.envelope, setting)
        self._loops = [ensemble_loop(ensemble, note, setting.sample_rate) for note in notes]
        self._starts = [int(start * LOOP) for start in setting.phases(len(notes))]
        self._level = np.float32(ensemble.level / np.sqrt(len(notes)))

    def render(self, n: int) -> Samples:
        """The next ``n`` samples, ``[2, n]``."""
        first = self._gate.elapsed
        mix = np.zeros((2, n), np.float32)
        for loop, start in zip(self._loops, self._starts, strict=True):
            for channel in range(2):
                mix[channel] += around(loop, start + first + channel * LOOP // 2, n)
        mix *= self._gate.render(n) * self._level
        return mix
