"""The voice of live play: it keeps time, and tells the engine when its frames are due."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from mula_daemon.audio import Samples, StreamVoice

SECOND_NS: Final = 1_000_000_000
_UNMOVED_NS: Final = 300_000
"""A change of the time at which a sample is heard that is not worth a message."""


class LiveVoice(StreamVoice):
    """Fed frame by frame, a little before each is heard.

    A frame that comes too late is a gap, and what is late of it is dropped: the rest stays where
    it belongs on the beat. ``moved`` is called on the feeder's thread with the number of a sample
    and when it is heard (perf_counter_ns), at first and whenever that has changed.
    """

    def __init__(self, rate: int, moved: Callable[[int, int], None]) -> None:
        super().__init__(rate)
        self._moved = moved
        self._late = 0
        self._said: tuple[int, int] | None = None

    def read(self, frames: int, at_ns: int) -> Samples:
        """As every voice."""
        if self._late:
            self._late -= self.skip(self._late)
        # Where the music is on the beat, whether or not it has come.
        place = self.taken + self._late
        sound = super().read(frames, at_ns)
        self._late += frames - len(sound)
        self._tell(place, at_ns)
        return sound

    def _tell(self, sample: int, at_ns: int) -> None:
        if self._said is not None:
            known, said_ns = self._said
            expected = said_ns + (sample - known) * SECOND_NS // self.rate
            if abs(at_ns - expected) < _UNMOVED_NS:
                return
        self._said = sample, at_ns
        self._moved(sample, at_ns)
