"""A deterministic stand-in for a model: a sine whose pitch follows the guidance scale.

For tests and for trying out a controller. It samples nothing; a frame is one
sixteenth note, and its single code is the pitch it plays in cents.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from fractions import Fraction
from itertools import count
from time import perf_counter_ns
from typing import Final

import numpy as np

from mula_bridge import __version__
from mula_bridge.control import Effect
from mula_daemon.engine.seam import (
    AudioBlock,
    ClipRequest,
    EngineInfo,
    Frame,
    FrameKnobs,
    KnobRange,
)

STEPS_PER_BEAT: Final = 4
AMPLITUDE: Final = 0.25


def pitch_hz(cfg: float, seed: int) -> float:
    """The tone's pitch: 110 Hz at cfg 0, an octave up per unit, one Hz per seed step (mod 7)."""
    return float(110.0 * 2.0**cfg + seed % 7)


class ToneEngine:
    """Honours cfg per frame; every other frame knob is ignored, and says so by its absence."""

    def __init__(self, sample_rate: int = 48_000) -> None:
        self.info = EngineInfo(
            name="tone",
            version=__version__,
            sample_rate=sample_rate,
            channels=2,
            device="cpu",
            knobs={"cfg": KnobRange(0.0, 5.0, Effect.FRAME)},
            frames_per_beat=STEPS_PER_BEAT,
        )

    def warm_up(self) -> None:
        """Nothing to load."""

    def generate(
        self, clip: ClipRequest, knobs: Callable[[], FrameKnobs]
    ) -> Iterator[Frame | AudioBlock]:
        """One frame and one block per take and sixteenth; phase runs on through pitch changes."""
        rate = self.info.sample_rate
        total = 0 if clip.endless else clip.beats * STEPS_PER_BEAT
        phases = [0.0] * len(clip.seeds)
        bpm, made = clip.bpm, 0
        for index in count() if clip.endless else range(total):
            now = knobs()
            started = perf_counter_ns()
            bpm = now.bpm if clip.endless and now.bpm else bpm
            pitches = [pitch_hz(now.cfg, seed) for seed in clip.seeds]
            codes = tuple((round(1200 * float(np.log2(hz / 110.0))),) for hz in pitches)
            yield Frame(clip.job, index, total, codes, replace(now, bpm=bpm), started)
            if total:
                length = _edge(clip, index + 1, total, rate) - made
            else:
                length = round(60 * rate / bpm / STEPS_PER_BEAT)
            made += length
            for take, hz in enumerate(pitches):
                steps = phases[take] + np.arange(1, length + 1) * (hz / rate)
                phases[take] = float(steps[-1] % 1.0)
                wave = (AMPLITUDE * np.sin(2 * np.pi * steps)).astype(np.float32)
                yield AudioBlock(clip.job, take, np.repeat(wave[:, None], 2, axis=1))


def _edge(clip: ClipRequest, frame: int, total: int, rate: int) -> int:
    """The first sample of ``frame``: edges are rounded, so the sum is exact."""
    return round(Fraction(frame, total) * clip.beats * 60 * rate / Fraction(clip.bpm))
