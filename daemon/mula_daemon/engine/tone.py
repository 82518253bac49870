"""A deterministic stand-in for a model: a sine whose pitch follows the guidance scale.

For tests and for trying out a controller. It samples nothing; a frame is one
sixteenth note, and its single code is the pitch it plays in cents.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import Final

import numpy as np

from mula_bridge import __version__
from mula_bridge.control import Effect
from mula_daemon.engine.playing import MadeFrame, play
from mula_daemon.engine.seam import (
    AudioBlock,
    ClipRequest,
    EngineInfo,
    FrameKnobs,
    Item,
    KnobRange,
)
from mula_daemon.engine.tone_faults import FaultPlayer

STEPS_PER_BEAT: Final = 4
AMPLITUDE: Final = 0.25
PATIENCE_S: Final = 10.0
"""A frame takes some microseconds; the rest is for a busy machine."""


def pitch_hz(cfg: float, seed: int) -> float:
    """The tone's pitch: 110 Hz at cfg 0, an octave up per unit, one Hz per seed step (mod 7)."""
    return float(110.0 * 2.0**cfg + seed % 7)


class ToneEngine:
    """Honours cfg per frame; every other frame knob is ignored, and says so by its absence."""

    def __init__(self, sample_rate: int = 48_000) -> None:
        self._faults = FaultPlayer()
        self.info = EngineInfo(
            name="tone",
            version=__version__,
            sample_rate=sample_rate,
            channels=2,
            device="cpu",
            knobs={"cfg": KnobRange(0.0, 5.0, Effect.FRAME)},
            frames_per_beat=STEPS_PER_BEAT,
            patience_s=PATIENCE_S,
        )

    def warm_up(self) -> None:
        """Nothing to load."""
        self._faults.start()

    def generate(self, clip: ClipRequest, knobs: Callable[[], FrameKnobs]) -> Iterator[Item]:
        """One frame and one block per take and sixteenth; phase runs on through pitch changes."""
        tones = Tones(clip, self.info.sample_rate, self._faults)
        return play(clip, tones.total, knobs, tones, tones)


class Tones:
    """The frames of a clip, and their sound."""

    def __init__(self, clip: ClipRequest, rate: int, faults: FaultPlayer) -> None:
        self.total = 0 if clip.endless else clip.beats * STEPS_PER_BEAT
        self._clip = clip
        self._rate = rate
        self._phases = [0.0] * len(clip.seeds)
        self._frames, self._samples = 0, 0
        self._faults = faults
        self._made = 0

    def make(self, asked: FrameKnobs) -> MadeFrame:
        """Codes that say the pitch of each take."""
        pitches = (pitch_hz(asked.cfg, seed) for seed in self._clip.seeds)
        codes = tuple((round(1200 * float(np.log2(hz / 110.0))),) for hz in pitches)
        self._faults.frame(self._clip.lyrics, self._made)
        self._made += 1
        return MadeFrame(codes, asked)

    def add(self, frame: MadeFrame, _made_s: float) -> Iterator[AudioBlock]:
        """A sixteenth of each take."""
        length = self._length(frame.knobs.bpm)
        for take, seed in enumerate(self._clip.seeds):
            hz = pitch_hz(frame.knobs.cfg, seed)
            steps = self._phases[take] + np.arange(1, length + 1) * (hz / self._rate)
            self._phases[take] = float(steps[-1] % 1.0)
            silent = self._faults.silences(self._clip.lyrics, seed, self._made - 1)
            amplitude = 0.0 if silent else AMPLITUDE
            wave = (amplitude * np.sin(2 * np.pi * steps)).astype(np.float32)
            yield AudioBlock(self._clip.job, take, np.repeat(wave[:, None], 2, axis=1))

    def rest(self) -> tuple[()]:
        """Nothing rings on."""
        return ()

    def _length(self, bpm: float) -> int:
        """Samples of the next frame. The edges of a clip's are rounded, so the sum is exact."""
        if not self.total:
            return round(60 * self._rate / bpm / STEPS_PER_BEAT)
        self._frames += 1
        beats = Fraction(self._frames, STEPS_PER_BEAT)
        edge = round(beats * 60 * self._rate / Fraction(bpm))
        length, self._samples = edge - self._samples, edge
        return length
