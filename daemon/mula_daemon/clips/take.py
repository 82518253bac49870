"""The sink seam: where the audio of one take goes.

A sink handles one take at a time: ``open``, any number of ``write``, one ``close``.
All three are called on the engine host's reader thread. ``write`` may block to
hold the engine back (audio back-pressure); it must return soon after ``release``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from mula_bridge.control import KnobValue
from mula_daemon.audio import Samples
from mula_daemon.beats import Fit
from mula_daemon.engine import AudioBlock, ClipRequest, EngineInfo

Change = tuple[int, str, float | str]
"""One change of a performance: frame index, name of a knob or a text, new value."""


@dataclass(frozen=True, slots=True)
class Take:
    """What is known of a take before its first sample.

    ``id`` is unique in the folder and short enough for a file name; ``take`` counts
    from 0 within the job. ``initial`` is every knob when the job began.
    """

    id: str
    take: int
    request: ClipRequest
    engine: EngineInfo
    initial: Mapping[str, KnobValue]
    fit: Fit | None = None
    """The tempo it has, where its engine has none; known when it is finished."""

    @property
    def seed(self) -> int:
        """The seed of this take."""
        return self.request.seeds[self.take]

    @property
    def samples(self) -> int:
        """Exact length in samples."""
        return self.request.samples(self.engine.sample_rate)


@dataclass(frozen=True, slots=True)
class Finished:
    """The take is complete: the codes of every frame [frames][codebooks], the changes heard.

    ``frame_initial`` are the frame knobs of frame 0; ``changes`` what moved after it.
    ``seam`` are blocks to be put in the place of what was written, see `AudioBlock.at`:
    for sinks that keep a loop.
    """

    codes: tuple[tuple[int, ...], ...]
    frame_initial: Mapping[str, float]
    changes: tuple[Change, ...]
    seam: tuple[AudioBlock, ...] = ()


@dataclass(frozen=True, slots=True)
class Abandoned:
    """The take will never be complete; nothing of it may stay visible."""

    reason: str


Outcome = Finished | Abandoned


class Sink(Protocol):
    """One destination for one take at a time."""

    def open(self, take: Take) -> None:
        """Begin a take. Raises Unavailable with a remedy when the place cannot take it."""

    def write(self, samples: Samples) -> None:
        """Take the next samples, float32 [n, channels]."""

    def close(self, outcome: Outcome) -> None:
        """End the take: publish it whole, or leave nothing of it."""

    def release(self) -> None:
        """Stop holding the writer back, now and until the next ``open``; from any thread."""


@runtime_checkable
class StemSink(Protocol):
    """A sink that keeps stems too."""

    def write_stems(self, stems: Samples) -> None:
        """Take the next samples of every instrument, float32 [instruments, n, channels].

        Called with the stems of the samples that ``write`` was just given.
        """
