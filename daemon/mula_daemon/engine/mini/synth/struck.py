"""Struck and plucked voices: strings, bars and bells as damped partials."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mula_daemon.engine.mini.synth.audio import Samples, saturate, stereo_gains
from mula_daemon.engine.mini.synth.envelopes import Envelope, seconds_from
from mula_daemon.engine.mini.synth.partials import Modes, Partials
from mula_daemon.engine.mini.synth.sound import GatedSound, Setting

_KNOCKS: Final = 14


@dataclass(frozen=True, slots=True)
class Body:
    """What is struck, and how.

    Strings have ``count`` partials that fall by ``slope`` and stretch by
    ``stiffness``, plucked at ``position`` of their length; bars and bells name
    their ``ratios`` (pitch, level, decay) instead. ``decay`` seconds is the
    fundamental's time constant at middle C, shorter for higher notes by
    ``decay_slope`` and for higher partials by ``damping``. ``twin`` adds a
    slower, quieter second string, so many cents off. ``bright`` Hz is where the
    strike begins to dull; ``knock`` the level of the strike itself, a thud
    around ``knock_hertz``.
    """

    decay: float = 1.5
    decay_slope: float = 0.5
    damping: float = 0.08
    count: int = 24
    slope: float = 1.0
    position: float = 0.13
    stiffness: float = 0.0
    bright: float = 4000.0
    ratios: tuple[tuple[float, float, float], ...] = ()
    twin: float = 0.0
    knock: float = 0.0
    knock_hertz: float = 300.0
    knock_seconds: float = 0.012
    attack: float = 0.001
    release: float = 0.12
    tremolo: float = 0.0
    tremolo_rate: float = 5.5
    width: float = 0.0
    drive: float = 0.0
    level: float = 0.3


class Struck(GatedSound):
    """Notes of a `Body` that sound together. One thread."""

    def __init__(
        self,
        body: Body,
        hertz: Sequence[float],
        setting: Setting,
        pans: Sequence[float] = (),
        waits: Sequence[int] = (),
    ) -> None:
        """``pans`` place each note, -1 left to 1 right; it sounds ``waits`` samples later."""
        super().__init__(Envelope(body.attack, 1.0, 1.0, body.release), setting)
        self._body = body
        self._level = np.float32(body.level)
        places = [stereo_gains([pan]) for pan in pans] or [_place(body, hz) for hz in hertz]
        self._channels = len(places[0])
        self._notes = [
            _strike(body, hz, place, len(hertz), setting)
            for hz, place in zip(hertz, places, strict=True)
        ]
        self._waits = list(waits) or [0] * len(hertz)

    @property
    def remaining(self) -> int:
        """Samples until only silence is left, as far as that is known."""
        return 0 if all(note.done for note in self._notes) else super().remaining

    def render(self, n: int) -> Samples:
        """The next ``n`` samples, ``[n]`` in the middle, else ``[2, n]``."""
        body, first = self._body, self._gate.elapsed
        mix = np.zeros((self._channels, n), np.float32)
        for note, wait in zip(self._notes, self._waits, strict=True):
            if wait < n:
                mix[:, wait:] += note.render(n - wait)
        self._waits = [max(0, wait - n) for wait in self._waits]
        mix = saturate(mix, body.drive) * (self._gate.render(n) * self._level)
        if body.tremolo:
            seconds = seconds_from(first, n, self._rate)
            swing = body.tremolo * np.sin(np.float32(2.0 * np.pi * body.tremolo_rate) * seconds)
            return np.concatenate([mix[:1] * (1.0 + swing), mix[-1:] * (1.0 - 0.5 * swing)])
        return mix if self._channels == 2 else mix[0]


@dataclass(frozen=True, slots=True, eq=False)
class _Note:
    """What one note of a body is made of; the same at every strike."""

    modes: Modes
    amplitudes: NDArray[np.float64]


@functools.lru_cache(maxsize=256)
def _note(body: Body, hz: float, sample_rate: int) -> _Note:
    longest = body.decay * (261.63 / hz) ** body.decay_slope
    if body.ratios:
        ratio, level, part = (np.array(column) for column in zip(*body.ratios, strict=True))
        pitch, amplitude, decay = hz * ratio, level, longest * part
    else:
        h = np.arange(1.0, body.count + 1.0)
        pitch = hz * h * np.sqrt(1.0 + body.stiffness * h**2)
        amplitude = np.sin(np.pi * h * body.position) / h**body.slope
        amplitude = amplitude / (1.0 + (pitch / body.bright) ** 2)
        decay = longest / (1.0 + body.damping * (h - 1.0) ** 1.3)
    amplitude = amplitude / np.sqrt(np.sum(amplitude**2))
    if body.twin:
        # The strings of a piano's note drift out of step: a quick first
        # decay, then a quiet second one (G. Weinreich, JASA 62, 1977).
        pitch = np.concatenate([pitch, pitch * 2.0 ** (body.twin / 1200.0)])
        amplitude = np.concatenate([0.7 * amplitude, 0.38 * amplitude])
        decay = np.concatenate([0.35 * decay, 1.3 * decay])
    if body.knock:
        chance = np.random.default_rng(round(100.0 * hz))
        at = body.knock_hertz * 2.0 ** chance.uniform(-1.3, 1.6, _KNOCKS)
        pitch = np.concatenate([pitch, at])
        level = 0.5 * body.knock * np.sqrt(body.knock_hertz / at)
        amplitude = np.concatenate([amplitude, level])
        decay = np.concatenate([decay, np.full(_KNOCKS, body.knock_seconds)])
    return _Note(Modes(pitch, decay, sample_rate), amplitude)


def _strike(
    body: Body, hz: float, gains: NDArray[np.float32], notes: int, setting: Setting
) -> Partials:
    """Strike one of so many notes, each time a little differently."""
    note = _note(body, hz, setting.sample_rate)
    amplitudes = note.amplitudes * gains[:, :1] / np.sqrt(notes)
    phases = np.zeros(len(note.amplitudes))
    if body.knock:
        amplitudes[:, -_KNOCKS:] *= setting.rng.uniform(-1.0, 1.0, _KNOCKS)
        phases[-_KNOCKS:] = setting.rng.random(_KNOCKS)
    return Partials(note.modes, amplitudes, phases)


def _place(body: Body, hz: float) -> NDArray[np.float32]:
    """Gains of a note that its body places, ``[channels, 1]``."""
    if body.width:
        # As on a keyboard seen from the stool: low notes left, high notes right.
        return stereo_gains([body.width * min(max(np.log2(hz / 261.63) / 1.5, -1.0), 1.0)])
    return np.ones((1, 1), np.float32)
