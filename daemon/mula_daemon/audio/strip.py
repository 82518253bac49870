"""One voice on its way into the mix: at the output's rate, with its fade."""

from __future__ import annotations

from typing import Final

import numpy as np

from mula_daemon.audio.converter import Converter
from mula_daemon.audio.samples import SECOND_NS, Samples
from mula_daemon.audio.voice import Voice

FADE_SECONDS: Final = 0.005


class Strip:
    """Pulls one voice at the output's rate. Feeder thread only.

    Raises Unavailable when the rates differ and soxr is not there.
    """

    def __init__(self, voice: Voice, rate: int, *, fade_in: bool = False) -> None:
        self.voice = voice
        self.underruns = 0
        """Gaps so far: each counts once, however long it is."""
        self.failure: Exception | None = None
        """What its voice raised; then nothing more is heard of it."""
        self._rate = rate
        self._converter = Converter(voice.rate, 2, rate, 2)
        self._rest: Samples = np.empty((0, 2), np.float32)
        self._flushed = False
        self._late = False
        ramp = np.linspace(0.0, 1.0, max(2, round(FADE_SECONDS * rate)), dtype=np.float32)
        self._rising: Samples | None = ramp if fade_in else None
        self._falling: Samples | None = None

    @property
    def ended(self) -> bool:
        """Whether nothing is left to be heard."""
        return self.voice.ended and self._drained

    @property
    def _drained(self) -> bool:
        return self.voice.rate == self._rate or (self._flushed and not len(self._rest))

    def fade_out(self) -> None:
        """Let the next milliseconds be the last."""
        if self._falling is None:
            length = max(2, round(FADE_SECONDS * self._rate))
            self._falling = np.linspace(1.0, 0.0, length, dtype=np.float32)

    @property
    def faded(self) -> bool:
        """Whether a fade-out has come to its end."""
        return self._falling is not None and not len(self._falling)

    def add_to(self, out: Samples, at_ns: int) -> int:
        """Add the next frames to ``out`` [n, 2], heard from ``at_ns``; how many there were.

        Fewer than asked for only at the end; a gap is filled with silence and counted.
        """
        sound = self._pull(len(out), at_ns)
        if self._rising is not None or self._falling is not None:
            sound = self._shape(sound)
        out[: len(sound)] += sound
        if len(sound) == len(out) or self.faded or self.ended:
            self._late = False
            return len(sound)
        self.underruns += not self._late
        self._late = True
        return len(out)

    def _pull(self, frames: int, at_ns: int) -> Samples:
        if self.voice.rate == self._rate:
            return self._read(frames, at_ns)
        while len(self._rest) < frames and not self._flushed:
            wanted = -(-(frames - len(self._rest)) * self.voice.rate // self._rate)
            ahead = len(self._rest) * SECOND_NS // self._rate
            source = self._read(wanted, at_ns + ahead)
            ending = self.voice.ended and len(source) < wanted
            self._rest = np.concatenate([self._rest, self._converter.convert(source, last=ending)])
            self._flushed = ending
            if len(source) < wanted:
                break
        sound, self._rest = self._rest[:frames], self._rest[frames:]
        return sound

    def _read(self, frames: int, at_ns: int) -> Samples:
        try:
            return self.voice.read(frames, at_ns)[:frames]
        except Exception as error:  # one voice's bug must not end the sound of the others
            self.failure = error
            self._falling = np.empty(0, np.float32)
            return np.empty((0, 2), np.float32)

    def _shape(self, sound: Samples) -> Samples:
        sound = sound.copy()
        if self._rising is not None:
            count = min(len(sound), len(self._rising))
            sound[:count] *= self._rising[:count, np.newaxis]
            self._rising = self._rising[count:] if count < len(self._rising) else None
        if self._falling is not None:
            sound = sound[: len(self._falling)]
            sound *= self._falling[: len(sound), np.newaxis]
            self._falling = self._falling[len(sound) :]
        return sound
