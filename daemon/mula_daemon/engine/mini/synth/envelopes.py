"""How loud a note is, from its onset to its end."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from mula_daemon.engine.mini.synth.audio import Samples

_FOREVER: Final = 1 << 62
_FADED: Final = 9.0
"""Time constants until a decay is 78 dB down."""


@dataclass(frozen=True, slots=True)
class Envelope:
    """Attack, decay, sustain and release; times in seconds, sustain 0..1.

    The decay is a time constant (to 37 %); attack and release are whole lengths.
    """

    attack: float
    decay: float
    sustain: float
    release: float


class Gate:
    """One note's loudness, block by block; its end is not known when it starts.

    Owned by one sound; one thread.
    """

    def __init__(self, envelope: Envelope, sample_rate: int) -> None:
        self._envelope = envelope
        self._rate = sample_rate
        self._elapsed = 0
        self._released: int | None = None

    @property
    def elapsed(self) -> int:
        """Samples since the onset, before the block to come."""
        return self._elapsed

    @property
    def remaining(self) -> int:
        """Samples until only silence is left, as far as that is known."""
        envelope = self._envelope
        end = _FOREVER
        if envelope.sustain == 0.0:
            end = math.ceil((envelope.attack + _FADED * envelope.decay) * self._rate)
        if self._released is not None:
            end = min(end, self._released + math.ceil(envelope.release * self._rate))
        return max(0, end - self._elapsed)

    def release(self, at: int) -> None:
        """Let the note go ``at`` samples into the block to come; a second call does nothing."""
        if self._released is None:
            self._released = self._elapsed + at

    def render(self, n: int) -> Samples:
        """The gain of the next ``n`` samples, float32 ``[n]`` in 0..1."""
        envelope = self._envelope
        first, self._elapsed = self._elapsed, self._elapsed + n
        seconds = seconds_from(first, n, self._rate)
        since_peak = first / self._rate - envelope.attack
        if envelope.sustain >= 1.0 or since_peak > _FADED * envelope.decay:
            gain = np.full(n, envelope.sustain, np.float32)
        else:
            falling = np.exp(np.minimum((envelope.attack - seconds) / envelope.decay, 0.0))
            gain = envelope.sustain + (1.0 - envelope.sustain) * falling
        if since_peak < 0.0:
            gain *= np.minimum(seconds / envelope.attack, 1.0)
        if self._released is not None and self._elapsed > self._released:
            late = seconds - np.float32(self._released / self._rate)
            # Squared: the ear hears decibels, so a straight line would end abruptly.
            gain *= np.clip(1.0 - late / envelope.release, 0.0, 1.0) ** 2
        return gain.astype(np.float32, copy=False)


def seconds_from(first: int, n: int, sample_rate: int) -> Samples:
    """The times of ``n`` samples from sample ``first`` on, in seconds, float32 ``[n]``."""
    seconds: Samples = _ramp(n, sample_rate) + np.float32(first / sample_rate)
    return seconds


@functools.lru_cache(maxsize=64)
def _ramp(n: int, sample_rate: int) -> Samples:
    return (np.arange(n) / sample_rate).astype(np.float32)
