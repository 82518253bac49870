"""Plays the one-shots of one drum codebook."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from mula_daemon.engine.mini.synth.audio import Samples
from mula_daemon.engine.mini.synth.drums import one_shots
from mula_daemon.engine.mini.synth.kit import Kit
from mula_daemon.engine.mini.synth.sound import Setting
from mula_daemon.engine.mini.tokens import DRUM_VOICES, HATS, KICK, ROLL, ROLL_HITS, DrumHit

REVERSE_SIXTEENTHS: Final = 8
"""A reversed cymbal ends this long after it starts."""

_CHOKED: Final = (KICK, HATS)
_RINGS_ON: Final = ("ride",)
_CHOKE_SECONDS: Final = 0.006
_MOST_AT_ONCE: Final = 8
_LOOSE: Final = frozenset(
    ("jazz", "rock", "funk", "lofi", "brush", "closed_acoustic", "open_acoustic", "ride",
     "shaker", "conga_high", "conga_low", "tambourine", "cabasa", "snap", "wood")
)  # fmt: skip
"""Voices that hands would play: a little late, never twice as loud."""
_LATE_SECONDS: Final = 0.004
_UNEVEN: Final = 0.10


@dataclass(slots=True)
class _Playing:
    samples: Samples  # [2, m]
    position: int  # of the next sample; negative before it starts


class Drummer:
    """One drum codebook's hits. One thread."""

    def __init__(self, codebook: int, kit: Kit | None, setting: Setting) -> None:
        self._codebook = codebook
        self._kit = kit
        self.retune(setting)
        self._playing: list[_Playing] = []

    def retune(self, setting: Setting) -> None:
        """Play on at the tempo of ``setting``."""
        self._setting = setting
        self._sixteenth = setting.sample_rate * 15.0 / setting.bpm

    def hit(self, hit: DrumHit, at: int) -> None:
        """Strike ``at`` samples into the block to come."""
        voice = DRUM_VOICES[self._codebook][hit.voice]
        shot = self._kit.shot(self._codebook, voice) if self._kit else None
        if shot is None:
            shot = one_shots(self._setting.sample_rate)[self._codebook][voice]
        samples = shot[hit.velocity]
        if voice == "reverse":
            # Enter where what is left lasts to the beat.
            samples = _faded_in(samples[:, -int(REVERSE_SIXTEENTHS * self._sixteenth) :])
        if voice == ROLL:
            self._roll(samples, ROLL_HITS[hit.velocity], at)
            return
        late = 0
        gain = 1.0
        if voice in _LOOSE:
            rng, rate = self._setting.rng, self._setting.sample_rate
            late = int(rng.random() * _LATE_SECONDS * rate)
            gain = 1.0 + _UNEVEN * (2.0 * float(rng.random()) - 1.0)
        self._strike(samples * np.float32(gain), at + late, voice not in _RINGS_ON)

    def make_way(self, hit: DrumHit, at: int) -> None:
        """Choke what ``hit`` would choke, without striking it."""
        if DRUM_VOICES[self._codebook][hit.voice] not in _RINGS_ON:
            self._choke(at)

    def render(self, n: int) -> Samples:
        """The next ``n`` samples, float32 ``[2, n]``."""
        mix = np.zeros((2, n), np.float32)
        for playing in self._playing:
            start = max(0, -playing.position)
            heard = playing.samples[:, playing.position + start : playing.position + n]
            if start < n and heard.shape[1]:
                mix[:, start : start + heard.shape[1]] += heard
            playing.position += n
        self._playing = [p for p in self._playing if p.position < p.samples.shape[1]]
        return mix

    def _roll(self, samples: Samples, hits: int, at: int) -> None:
        for i in range(hits):
            swell = np.float32(0.7 + 0.3 * i / (hits - 1))
            self._strike(samples * swell, at + round(i * self._sixteenth / hits), True)

    def _strike(self, samples: Samples, at: int, choke: bool) -> None:
        if choke:
            self._choke(at)
        surplus = len(self._playing) - _MOST_AT_ONCE + 1
        for i in range(max(0, surplus)):
            self._playing[i] = self._cut(self._playing[i], at)
        self._playing.append(_Playing(samples, -at))

    def _choke(self, at: int) -> None:
        if self._codebook in _CHOKED:
            self._playing = [self._cut(playing, at) for playing in self._playing]

    def _cut(self, playing: _Playing, at: int) -> _Playing:
        """What is left of a hit that another silences ``at`` samples into the block."""
        fade = int(_CHOKE_SECONDS * self._setting.sample_rate)
        end = playing.position + at
        if end <= 0:
            return playing
        left = playing.samples[:, max(0, playing.position) : end + fade].copy()
        tail = left[:, -min(fade, left.shape[1]) :]
        ramp = np.linspace(1.0, 0.0, fade, dtype=np.float32)
        if end + fade <= playing.samples.shape[1]:
            tail *= ramp
        return _Playing(left, min(0, playing.position))


def _faded_in(samples: Samples) -> Samples:
    rise = np.linspace(0.0, 1.0, samples.shape[1], dtype=np.float32)
    return samples * rise
