"""One cycle of a wave through a resonant lowpass, at every cutoff.

A filter over a periodic wave only scales and turns its harmonics, so the filter
is computed once into the table, and moving its cutoff is moving between rows.
There is no filter state, a cutoff may change at every sample without zipper
noise, and a row ends above its cutoff, so the lowpass is also what keeps the
oscillator from aliasing.

The lowpass is the four-pole ladder of R. A. Moog (US patent 3475623):
H(s) = 1 / ((1 + s)^4 + k), s = j f / cutoff, which sings at k = 4.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from mula_daemon.engine.mini.synth.audio import Samples

Wave = Literal["saw", "square", "pulse", "triangle", "sine"]

CYCLE_BITS: Final = 13
CYCLE: Final = 1 << CYCLE_BITS
"""Points per cycle; enough that the nearest one is close and none is interpolated."""
ROWS_PER_OCTAVE: Final = 12
LOWEST_ROW: Final = -1.0
HIGHEST_ROW: Final = 9.5
"""Cutoffs of the first and last row, in octaves above the fundamental."""
_ROWS: Final = int((HIGHEST_ROW - LOWEST_ROW) * ROWS_PER_OCTAVE) + 1
_FADE_FROM, _FADE_TO = 1.5, 2.0
_PHASE_SHIFT: Final = np.uint32(32 - CYCLE_BITS)

Phases = NDArray[np.uint32]
"""Phase accumulators: the whole range of 32 bits is one cycle, so they wrap by themselves."""


@dataclass(frozen=True, slots=True)
class Wavetable:
    """A wave at every cutoff: ``rows`` is float32 ``[rows, CYCLE]``. Immutable; any thread."""

    rows: Samples

    def read_row(self, phases: Phases, rows: NDArray[np.uint32]) -> Samples:
        """The wave at ``phases``, in their shape, at cutoffs that rest: see `row`."""
        points = phases >> _PHASE_SHIFT
        points += rows * np.uint32(CYCLE)
        return self.rows.reshape(-1).take(points)

    def read(self, phases: Phases, octaves: Samples) -> Samples:
        """The wave at ``phases``, in their shape.

        ``octaves`` is the cutoff above the fundamental, broadcastable to
        ``phases``: what oscillators or samples share is computed once.
        """
        position = (octaves - np.float32(LOWEST_ROW)) * np.float32(ROWS_PER_OCTAVE)
        np.clip(position, 0.0, _ROWS - 1.001, out=position)
        below = position.astype(np.int32)
        position -= below.astype(np.float32)
        below *= np.int32(CYCLE)
        points = ((phases >> _PHASE_SHIFT).view(np.int32) + below).astype(np.intp)
        flat = self.rows.reshape(-1)
        # Nothing is out of range: "clip" only spares the check.
        wave = flat.take(points, mode="clip")
        above = flat[CYCLE:].take(points, mode="clip")
        above -= wave
        above *= position
        wave += above
        return wave


def row(octaves: float) -> int:
    """The row of a cutoff so many octaves above the fundamental."""
    return round((min(max(octaves, LOWEST_ROW), HIGHEST_ROW) - LOWEST_ROW) * ROWS_PER_OCTAVE)


@functools.cache
def wavetable(wave: Wave, resonance: float) -> Wavetable:
    """The table of a wave and a resonance 0..3.9; computed once (about 10 ms).

    The wave alone has a peak near 1; a high resonance adds to it.
    """
    cutoffs = 2.0 ** (LOWEST_ROW + np.arange(_ROWS) / ROWS_PER_OCTAVE)
    harmonics = np.arange(1, CYCLE // 2 + 1)
    s = 1j * harmonics / cutoffs[:, None]
    # The ladder loses its bass as it resonates; half of that is given back.
    response = (1.0 + 0.5 * resonance) / ((1.0 + s) ** 4 + resonance)
    fade = np.clip((_FADE_TO - harmonics / cutoffs[:, None]) / (_FADE_TO - _FADE_FROM), 0.0, 1.0)
    spectra = np.zeros((_ROWS, CYCLE // 2 + 1), np.complex64)
    spectra[:, 1:] = response * fade * _harmonics(wave, harmonics) * (-0.5j * CYCLE)
    # A cutoff of 1 still lets the fundamental through: rows below it would be silent.
    return Wavetable(scipy.fft.irfft(spectra, axis=1).astype(np.float32, copy=False))


def cycle(spectrum: NDArray[np.complex128]) -> Samples:
    """One cycle of a tone, float32 ``[CYCLE]``, from its harmonics' complex amplitudes ``[h]``."""
    bins = np.zeros(CYCLE // 2 + 1, np.complex64)
    count = min(len(spectrum), CYCLE // 2 - 1)
    bins[1 : count + 1] = spectrum[:count] * (CYCLE / 2)
    wave: Samples = scipy.fft.irfft(bins).astype(np.float32, copy=False)
    return wave


def read_cycle(table: Samples, phases: Phases) -> Samples:
    """The cycle ``table`` at ``phases``, in their shape."""
    return table.take(phases >> _PHASE_SHIFT)


def _harmonics(wave: Wave, h: NDArray[np.int64]) -> NDArray[np.float64]:
    odd = h % 2 == 1
    match wave:
        case "saw":
            amplitudes = 2.0 / np.pi / h
        case "square":
            amplitudes = np.where(odd, 4.0 / np.pi / h, 0.0)
        case "pulse":
            amplitudes = 4.0 / np.pi / h * np.sin(np.pi * h * 0.22)
        case "triangle":
            amplitudes = np.where(odd, 8.0 / np.pi**2 / h**2 * (-1.0) ** ((h - 1) // 2), 0.0)
        case "sine":
            amplitudes = np.where(h == 1, 1.0, 0.0)
    return amplitudes
