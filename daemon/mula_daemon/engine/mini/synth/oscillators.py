"""Phases that run on from block to block, and what bends them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mula_daemon.engine.mini.synth.audio import Samples
from mula_daemon.engine.mini.synth.envelopes import seconds_from
from mula_daemon.engine.mini.synth.wavetables import Phases

_TURN: Final = float(1 << 32)
_RADIANS: Final = np.float32(2.0 * np.pi / _TURN)


class Oscillators:
    """``k`` phases at their own frequencies. Owned by one sound; one thread."""

    def __init__(self, hertz: Sequence[float], sample_rate: int, phases: Sequence[float]) -> None:
        """``phases`` are the starting points, 0..1 of a cycle."""
        self._step = np.asarray(hertz, np.float64) * (_TURN / sample_rate)  # [k]
        self._phase = _wrapped(np.asarray(phases, np.float64) * _TURN)  # [k]

    def advance(self, n: int, bend: Samples | None = None) -> Phases:
        """The phases of the next ``n`` samples, uint32 ``[k, n]``.

        ``bend`` is a factor on every frequency, one per sample ``[n]``.
        """
        if bend is None:
            even = _wrapped(self._step)
            phases: Phases = np.multiply.outer(even, np.arange(n, dtype=np.uint32))
            phases += self._phase[:, None]
            self._phase += even * np.uint32(n)
            return phases
        steps = (self._step[:, None] * bend).astype(np.uint32)
        ends: Phases = np.cumsum(steps, axis=1, dtype=np.uint32)
        ends += self._phase[:, None]
        self._phase = ends[:, -1].copy()
        ends -= steps
        return ends


def radians(phases: Phases) -> Samples:
    """Phases as angles 0..2 pi, float32."""
    return phases.astype(np.float32) * _RADIANS


@dataclass(frozen=True, slots=True)
class Bend:
    """How a note's pitch moves: vibrato, a scoop into the note, tape wow.

    Vibrato and wow are depths in cents at rates in Hz, vibrato growing over
    ``delay`` seconds. A scoop starts so many cents off and is over in
    ``scoop_seconds`` (a time constant); a glide from another note takes its place.
    """

    vibrato: float = 0.0
    rate: float = 5.4
    delay: float = 0.35
    scoop: float = 0.0
    scoop_seconds: float = 0.03
    wow: float = 0.0

    @property
    def still(self) -> bool:
        """Whether the pitch never moves."""
        return self.vibrato == 0.0 and self.scoop == 0.0 and self.wow == 0.0

    def factors(self, first: int, n: int, sample_rate: int, glide: float = 0.0) -> Samples:
        """Frequency factors of ``n`` samples, ``first`` samples after the onset, ``[n]``.

        ``glide`` is where the pitch comes from, in cents off the note.
        """
        seconds = seconds_from(first, n, sample_rate)
        cents = np.zeros(n, np.float32)
        if self.vibrato:
            depth = self.vibrato * np.minimum(seconds / self.delay, 1.0) ** 2
            cents += depth * np.sin(np.float32(2.0 * np.pi * self.rate) * seconds)
        if self.wow:
            slow, fast = np.float32(2.0 * np.pi * 0.7), np.float32(2.0 * np.pi * 4.3)
            cents += self.wow * (np.sin(slow * seconds) + 0.35 * np.sin(fast * seconds))
        offset = glide or self.scoop
        if offset and seconds[0] < 12.0 * self.scoop_seconds:
            cents += np.float32(offset) * np.exp(-seconds / np.float32(self.scoop_seconds))
        factors: Samples = np.exp2(cents * np.float32(1.0 / 1200.0))
        return factors


def _wrapped(turns: NDArray[np.float64]) -> NDArray[np.uint32]:
    return np.remainder(np.rint(turns), _TURN).astype(np.uint64).astype(np.uint32)
