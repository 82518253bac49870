"""Subtractive voices: detuned oscillators through a moving lowpass."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from mula_daemon.engine.mini.synth.audio import Samples, saturate, stereo_gains
from mula_daemon.engine.mini.synth.envelopes import Envelope, seconds_from
from mula_daemon.engine.mini.synth.oscillators import Bend, Oscillators, radians
from mula_daemon.engine.mini.synth.sound import GatedSound, Setting
from mula_daemon.engine.mini.synth.wavetables import (
    LOWEST_ROW,
    ROWS_PER_OCTAVE,
    Wave,
    row,
    wavetable,
)

Motion = Callable[[Samples], Samples]
"""Seconds since the onset to octaves that the cutoff is moved by."""

_MIDDLE_C: Final = 261.63


@dataclass(frozen=True, slots=True)
class Patch:
    """A subtractive voice.

    ``cutoff`` is in Hz at middle C and follows the pitch by ``follow`` (0..1);
    the filter envelope starts ``sweep`` octaves away and is over in
    ``sweep_seconds`` (a time constant). ``detune`` has one oscillator per entry,
    in cents, placed across ``spread`` (0 mono, 1 full width). ``sub`` is the
    level of a sine on the fundamental, behind the drive so that it stays clean.
    """

    envelope: Envelope
    wave: Wave = "saw"
    resonance: float = 0.3
    cutoff: float = 2000.0
    follow: float = 0.5
    sweep: float = 0.0
    sweep_seconds: float = 0.1
    detune: tuple[float, ...] = (0.0,)
    spread: float = 0.0
    drive: float = 0.0
    sub: float = 0.0
    level: float = 0.3
    bend: Bend = field(default_factory=Bend)

    def prepare(self) -> None:
        """Compute the wavetable now rather than at the first note."""
        wavetable(self.wave, self.resonance)


class Tone(GatedSound):
    """Notes of a `Patch` that sound together. One thread."""

    def __init__(
        self,
        patch: Patch,
        hertz: Sequence[float],
        setting: Setting,
        motion: Motion | None = None,
        glide: float = 0.0,
    ) -> None:
        """``glide`` is where the pitch comes from, in cents off the note."""
        super().__init__(patch.envelope, setting)
        self._patch = patch
        self._table = wavetable(patch.wave, patch.resonance)
        self._motion = motion
        self._glide = glide
        each = len(patch.detune)
        pitches = [hz * 2.0 ** (cents / 1200.0) for hz in hertz for cents in patch.detune]
        free = each > 1 or len(hertz) > 1
        starts = setting.phases(len(pitches)) if free else [0.0]
        self._oscillators = Oscillators(pitches, setting.sample_rate, starts)
        self._rows = np.array([row(self._open(hz)) for hz in hertz], np.uint32)[:, None, None]
        self._octaves = (LOWEST_ROW + self._rows / ROWS_PER_OCTAVE).astype(np.float32)
        self._swept = 0.0
        if patch.sweep:
            still = math.log(abs(patch.sweep) * 8 * ROWS_PER_OCTAVE)
            self._swept = still * patch.sweep_seconds * self._rate
        self._brightest = np.log2(0.25 * self._rate / np.asarray(hertz, np.float32))[:, None, None]
        pans = [_position(i, each) * patch.spread for i in range(each)]
        self._gains = stereo_gains(pans) / np.float32(math.sqrt(len(pitches)))  # [2, detune]
        self._sub = Oscillators(hertz[:1], setting.sample_rate, [0.0]) if patch.sub else None

    def render(self, n: int) -> Samples:
        """The next ``n`` samples, ``[n]`` without spread, else ``[2, n]``."""
        patch, first = self._patch, self._gate.elapsed
        bend = None
        if self._glide or not patch.bend.still:
            bend = patch.bend.factors(first, n, self._rate, self._glide)
        phases = self._oscillators.advance(n, bend).reshape(-1, len(patch.detune), n)
        # Notes share their oscillators' places: [notes, detune, n] to [detune, n].
        cutoffs = self._cutoffs(first, n)
        if cutoffs is None:
            played = self._table.read_row(phases, self._rows).sum(axis=0)
        else:
            played = self._table.read(phases, cutoffs).sum(axis=0)
        mix: Samples = np.einsum(
            "ck,kn->cn", self._gains if patch.spread else self._gains[:1], played
        )
        mix = saturate(mix, patch.drive)
        if self._sub is not None:
            sub = np.sin(radians(self._sub.advance(n, bend)))
            mix += sub * np.float32(patch.sub)
        mix *= self._gate.render(n) * np.float32(patch.level)
        return mix if patch.spread else mix[0]

    def _open(self, hz: float) -> float:
        """Octaves from a note up to the resting cutoff, at most what the rate can carry."""
        patch = self._patch
        cutoff = patch.cutoff * (hz / _MIDDLE_C) ** patch.follow
        return math.log2(min(cutoff, 0.25 * self._rate) / hz)

    def _cutoffs(self, first: int, n: int) -> Samples | None:
        """Octaves above each fundamental, ``[notes, 1, n]``; None at rest."""
        patch = self._patch
        swept = first < self._swept
        if not swept and self._motion is None:
            return None
        seconds = seconds_from(first, n, self._rate)
        moved = np.zeros(n, np.float32)
        if swept:
            moved += np.float32(patch.sweep) * np.exp(-seconds / np.float32(patch.sweep_seconds))
        if self._motion is not None:
            moved += self._motion(seconds)
        cutoffs: Samples = np.minimum(self._octaves + moved, self._brightest)
        return cutoffs


def _position(index: int, count: int) -> float:
    """Where one of ``count`` detuned oscillators stands: sharp and flat on both sides."""
    if count == 1:
        return 0.0
    place = -1.0 + 2.0 * index / (count - 1)
    return place if index % 2 == 0 else -place
