"""Voices for tests, and an outlet that keeps what it got."""

from __future__ import annotations

import numpy as np

from mula_daemon.audio.samples import Samples

SECOND_NS = 1_000_000_000


class ArrayVoice:
    """Plays an array; notes when it was asked for what, and that it was retired."""

    def __init__(self, sound: Samples, rate: int = 48_000) -> None:
        self.rate = rate
        self.asked: list[tuple[int, int]] = []
        self.retired = 0
        self._sound = sound

    @property
    def ended(self) -> bool:
        return not len(self._sound)

    def read(self, frames: int, at_ns: int) -> Samples:
        self.asked.append((frames, at_ns))
        sound, self._sound = self._sound[:frames], self._sound[frames:]
        return sound

    def retire(self) -> None:
        self.retired += 1


def flat(frames: int, level: float = 0.5) -> Samples:
    return np.full((frames, 2), level, np.float32)
