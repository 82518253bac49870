"""What plays a note, and the circumstances it is played in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from mula_daemon.engine.mini.synth.audio import Samples


class Sound(Protocol):
    """A sounding note or chord, rendered block by block. One thread."""

    @property
    def remaining(self) -> int:
        """Samples until only silence is left, as far as that is known."""
        ...

    def release(self, at: int) -> None:
        """Let go ``at`` samples into the block to come; again does nothing."""
        ...

    def render(self, n: int) -> Samples:
        """The next ``n`` samples, ``[n]`` for the middle or ``[2, n]``."""
        ...


@dataclass(frozen=True, slots=True)
class Setting:
    """Where notes are played: the rate in Hz, the tempo, and the chance in a performance."""

    sample_rate: int
    bpm: float
    rng: np.random.Generator

    def phases(self, count: int) -> list[float]:
        """Random starting points for oscillators that ran before the note, 0..1."""
        return [float(phase) for phase in self.rng.random(count)]
