"""A sink that keeps takes in memory: for tests, and for programs that embed the daemon."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mula_bridge.errors import MulaError
from mula_daemon.audio import Samples, check_block
from mula_daemon.clips.take import Finished, Outcome, Take


@dataclass(frozen=True, slots=True)
class Recorded:
    """One take that has ended; ``samples`` is float32 [n, channels]."""

    take: Take
    samples: Samples
    outcome: Outcome


class MemorySink:
    """Keeps every ended take in ``recorded``, abandoned ones included; never blocks."""

    def __init__(self) -> None:
        self.recorded: list[Recorded] = []
        self._take: Take | None = None
        self._blocks: list[Samples] = []

    def open(self, take: Take) -> None:
        """Begin a take."""
        if self._take is not None:
            raise RuntimeError("a take is already open")
        self._take = take
        self._blocks = []

    def write(self, samples: Samples) -> None:
        """Keep a copy of the next samples. Raises MulaError for what a folder would refuse."""
        if self._take is None:
            raise RuntimeError("no take is open")
        check_block(samples, self._take.engine.channels)
        if sum(map(len, self._blocks)) + len(samples) > self._take.samples:
            raise MulaError(f"the engine sent more than the take's {self._take.samples} samples")
        self._blocks.append(samples.copy())

    def close(self, outcome: Outcome) -> None:
        """Record the take. Raises MulaError when a finished one is too short."""
        take, self._take = self._take, None
        if take is None:
            return
        silence = np.zeros((0, take.engine.channels), np.float32)
        samples = np.concatenate([silence, *self._blocks])
        if isinstance(outcome, Finished) and len(samples) != take.samples:
            raise MulaError(f"the engine sent {len(samples)} of {take.samples} samples")
        self.recorded.append(Recorded(take, samples, outcome))

    def release(self) -> None:
        """Nothing to do: this sink never blocks."""
