"""The engine seam: what every model looks like from outside. Imports no torch.

Requests, frames and blocks are plain data (numbers, strings, tuples, one numpy
array), so that the engine can live in a child process today and on another
machine later.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from mula_bridge.knobs import Effect

Samples = NDArray[np.float32]
"""Audio: float32 [samples, channels], nominal range -1..1."""


@dataclass(frozen=True, slots=True)
class KnobRange:
    """The part of a knob's range that an engine honours, and when it takes effect."""

    minimum: float
    maximum: float
    effect: Effect


@dataclass(frozen=True, slots=True)
class FrameKnobs:
    """The knob values one frame is sampled with, and the revision they belong to.

    The session counts ``revision`` up with every change, so a report that carries
    it tells which changes had arrived.
    """

    revision: int = 0
    cfg: float = 1.5
    temperature: float = 1.0
    top_k: int = 50
    morph: float = 0.0


@dataclass(frozen=True, slots=True)
class ClipRequest:
    """One job, as an engine gets it: one clip, or one take per seed.

    ``tags_b`` empty means that there is no second prompt to morph to. ``pace`` is
    generation speed in multiples of real time, 0 for as fast as possible.
    ``performance`` replays knobs, as (frame, values from there on), in place of live ones.
    """

    job: str
    tags: tuple[str, ...]
    seeds: tuple[int, ...]
    bpm: float = 120.0
    bars: int = 4
    key: str = "Amin"
    beats_per_bar: int = 4
    tags_b: tuple[str, ...] = ()
    lyrics: str = ""
    pace: float = 0.0
    performance: tuple[tuple[int, FrameKnobs], ...] = ()

    @property
    def beats(self) -> int:
        """Length in quarter notes."""
        return self.bars * self.beats_per_bar

    def samples(self, sample_rate: int) -> int:
        """Exact length in samples: beats x 60 / bpm x rate, rounded once."""
        return round(self.beats * 60 * sample_rate / Fraction(self.bpm))


@dataclass(frozen=True, slots=True)
class Frame:
    """One sampled frame of a job.

    ``codes`` is [takes][codebooks]; ``started_ns`` is ``perf_counter_ns`` when the
    knobs were read, just before sampling.
    """

    job: str
    index: int
    total: int
    codes: tuple[tuple[int, ...], ...]
    knobs: FrameKnobs
    started_ns: int


@dataclass(frozen=True, slots=True)
class AudioBlock:
    """The next samples of one take; blocks of a take arrive in order without gaps."""

    job: str
    take: int
    samples: Samples


@dataclass(frozen=True, slots=True)
class EngineInfo:
    """What an engine says of itself once it is warm.

    ``vocabulary`` maps every tag word it knows (lower case, with one space for any
    run of spaces, hyphens and underscores) to its canonical form; None means free
    text. ``sha256`` is of the weights, empty where there are none.
    """

    name: str
    version: str
    sample_rate: int
    channels: int
    device: str
    knobs: Mapping[str, KnobRange]
    checkpoint: str = ""
    sha256: str = ""
    vocabulary: Mapping[str, str] | None = None
    max_seconds: float = 0.0
    notes: tuple[str, ...] = ()
    """Plain sentences for the start-up log, such as what will not fit."""


class Engine(Protocol):
    """A model that makes clips. Lives in the engine process; one thread calls it."""

    info: EngineInfo

    def warm_up(self) -> None:
        """Load everything and run once, so that the first clip is not slower than the second.

        Raises MulaError with a remedy when the model cannot be had.
        """

    def generate(
        self, clip: ClipRequest, knobs: Callable[[], FrameKnobs]
    ) -> Iterator[Frame | AudioBlock]:
        """Generate frame by frame; call ``knobs`` once before each frame.

        Yields each frame's Frame before the audio that it completes. Closing the
        iterator cancels. Raises BadInput for a request it cannot honour.
        """
