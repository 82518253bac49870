"""Electric pianos by frequency modulation.

Two pairs of sines: one on the pitch for the body, one far above it for the
metal of the tine (J. Chowning, The Synthesis of Complex Audio Spectra by Means
of Frequency Modulation, JAES 21, 1973).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from mula_daemon.engine.mini.synth.audio import Samples, saturate
from mula_daemon.engine.mini.synth.envelopes import Envelope, seconds_from
from mula_daemon.engine.mini.synth.oscillators import Bend, Oscillators, radians
from mula_daemon.engine.mini.synth.sound import GatedSound, Setting


@dataclass(frozen=True, slots=True)
class Tines:
    """An electric piano.

    ``bark`` is the index of the body at the onset, gone in ``bark_seconds``
    but for ``warmth``; ``tine`` the level of the metal, at ``tine_ratio`` (a
    whole number) times the pitch; ``tremolo`` the depth of its stereo swing. ``decay`` is the time
    constant at middle C; higher notes are shorter.
    """

    envelope: Envelope
    bark: float = 1.3
    bark_seconds: float = 0.35
    warmth: float = 0.35
    tine: float = 0.22
    tine_ratio: int = 14
    tine_seconds: float = 0.09
    decay: float = 1.6
    tremolo: float = 0.25
    tremolo_rate: float = 4.7
    drive: float = 0.0
    level: float = 0.3
    bend: Bend = field(default_factory=Bend)


class ElectricPiano(GatedSound):
    """Notes of `Tines` that sound together. One thread."""

    def __init__(self, tines: Tines, hertz: Sequence[float], setting: Setting) -> None:
        super().__init__(tines.envelope, setting)
        self._tines = tines
        self._oscillators = Oscillators(hertz, self._rate, [0.0] * len(hertz))
        pitch = np.asarray(hertz, np.float64)[:, None] / 261.63
        self._decay = (tines.decay * pitch**-0.45).astype(np.float32)  # [k, 1]
        # High notes bark less, or their sidebands turn shrill.
        self._brightness = np.minimum(pitch**-0.5, 1.5).astype(np.float32)
        self._share = np.float32(1.0 / np.sqrt(len(hertz)))
        self._turn = float(setting.rng.random())

    @property
    def remaining(self) -> int:
        """Samples until only silence is left, as far as that is known."""
        rung_out = round(9.0 * float(self._decay.max()) * self._rate)
        return max(0, min(super().remaining, rung_out - self._gate.elapsed))

    def render(self, n: int) -> Samples:
        """The next ``n`` samples, ``[2, n]``."""
        tines, first = self._tines, self._gate.elapsed
        seconds = seconds_from(first, n, self._rate)
        bend = None if tines.bend.still else tines.bend.factors(first, n, self._rate)
        angle = radians(self._oscillators.advance(n, bend))  # [k, n]
        bark = tines.bark * np.exp(-seconds / np.float32(tines.bark_seconds)) + tines.warmth
        notes = np.sin(angle + self._brightness * bark * np.sin(angle))
        if seconds[0] < 8.0 * tines.tine_seconds:
            ring = tines.tine * np.exp(-seconds / np.float32(tines.tine_seconds))
            notes += ring * np.sin(angle + 1.6 * np.sin(np.float32(tines.tine_ratio) * angle))
        notes *= np.exp(-seconds / self._decay)
        mix = saturate(notes.sum(axis=0) * self._share, tines.drive)
        mix *= self._gate.render(n) * np.float32(tines.level)
        turns = np.float32(2.0 * np.pi) * (np.float32(tines.tremolo_rate) * seconds + self._turn)
        swing = np.float32(tines.tremolo) * np.sin(turns)
        return np.stack([mix * (1.0 + swing), mix * (1.0 - swing)])
