"""The seam between the speaker and where its frames go: an interface, or nowhere."""

from __future__ import annotations

from time import perf_counter_ns
from typing import Protocol

from mula_daemon.audio.samples import SECOND_NS, Samples


class Outlet(Protocol):
    """Takes frames a little before they are heard, as they become due. Feeder thread only."""

    rate: int
    """Frames a second, in Hz. Constant: another rate is another outlet."""

    @property
    def written(self) -> int:
        """Frames written so far, which is the number of the next one."""

    def due(self) -> int:
        """How many frames should be written now; 0 for none."""

    def write(self, frames: Samples, *, sounding: bool) -> None:
        """Take float32 [n, 2], n <= ``due()``; ``sounding`` False marks frames nobody misses."""

    def heard_ns(self, frame: int) -> int:
        """perf_counter_ns at which a frame is, or was, heard."""

    def mute(self) -> None:
        """Let nothing be heard of what was written so far."""

    @property
    def underruns(self) -> int:
        """Times that frames were due at the interface and had not been written."""


class Nowhere:
    """An outlet without an interface: frames pass at their rate, unheard.

    So voices go on while a device is away, and are where they should be when it comes back.
    """

    underruns = 0

    def __init__(self, rate: int = 48_000, *, ahead: float = 0.03) -> None:
        """``ahead``: seconds that frames are asked for before their time."""
        self.rate = rate
        self.written = 0
        self._ahead = round(ahead * rate)
        self._began = perf_counter_ns()

    def due(self) -> int:
        """As for every outlet; after a stop of the whole machine it does not catch up."""
        passed = (perf_counter_ns() - self._began) * self.rate // SECOND_NS
        due = passed + self._ahead - self.written
        if due > self.rate // 2:
            self._began = perf_counter_ns() - self.written * SECOND_NS // self.rate
            due = self._ahead
        return max(0, due)

    def write(self, frames: Samples, *, sounding: bool) -> None:
        """Count the frames."""
        self.written += len(frames)

    def heard_ns(self, frame: int) -> int:
        """When it would be heard."""
        return self._began + frame * SECOND_NS // self.rate

    def mute(self) -> None:
        """Nothing is heard anyway."""

    def itself(self) -> Outlet:
        """This outlet, for a speaker that never gets another one."""
        return self
