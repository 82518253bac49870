"""What plays a note, the circumstances it is played in, and the part that mixes notes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np

from mula_daemon.engine.mini.synth.audio import Samples
from mula_daemon.engine.mini.synth.envelopes import Envelope, Gate

_RINGING: Final = 6
"""Released sounds that may go on; more than that cost time and are not heard."""


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


class GatedSound:
    """What is the same for every sound whose loudness is that of a `Gate`."""

    def __init__(self, envelope: Envelope, setting: Setting) -> None:
        self._rate = setting.sample_rate
        self._gate = Gate(envelope, setting.sample_rate)

    @property
    def remaining(self) -> int:
        """Samples until only silence is left, as far as that is known."""
        return self._gate.remaining

    def release(self, at: int) -> None:
        """Let go ``at`` samples into the block to come; again does nothing."""
        self._gate.release(at)


class InstrumentPart:
    """Mixes sounds that start and end inside blocks. One thread."""

    def __init__(self) -> None:
        self._held: list[Sound] = []
        self._ringing: list[Sound] = []
        self._starts_at = 0

    @property
    def sounding(self) -> bool:
        """Whether a note is held."""
        return bool(self._held)

    def start(self, sounds: Iterable[Sound], at: int) -> None:
        """Start sounds ``at`` samples into the block to come; what was held is let go there."""
        self.release(at)
        self._held = list(sounds)
        self._starts_at = at

    def release(self, at: int) -> None:
        """Let go of the held sounds ``at`` samples into the block to come."""
        for sound in self._held:
            sound.release(at)
        self._ringing += self._held
        self._held = []

    def render(self, n: int) -> Samples:
        """The next ``n`` samples, float32 ``[2, n]``."""
        mix = np.zeros((2, n), np.float32)
        surplus = max(0, len(self._ringing) - _RINGING)
        for sound in self._ringing[:surplus]:
            _add(mix, sound, 0, np.linspace(1.0, 0.0, n, dtype=np.float32))
        for sound in self._ringing[surplus:]:
            _add(mix, sound, 0)
        for sound in self._held:
            _add(mix, sound, self._starts_at)
        self._starts_at = 0
        self._ringing = [sound for sound in self._ringing[surplus:] if sound.remaining]
        self._held = [sound for sound in self._held if sound.remaining]
        return mix


def _add(mix: Samples, sound: Sound, start: int, gain: Samples | None = None) -> None:
    """Add a sound's next samples to ``mix`` ``[2, n]``, from sample ``start`` on."""
    end = min(mix.shape[1], start + sound.remaining)
    block = sound.render(end - start)
    mix[:, start:end] += block if gain is None else block * gain[start:end]
