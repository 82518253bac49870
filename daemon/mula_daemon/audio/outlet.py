"""Where the speaker's frames go, and when they are heard there: an interface, or nowhere."""

from __future__ import annotations

from collections import deque
from time import perf_counter_ns
from typing import Final, Protocol

from mula_daemon.audio.samples import SECOND_NS, Samples
from mula_daemon.audio.shared_ring import CAPACITY, SharedRing

_WINDOW: Final = 64
"""Buffers remembered: a third of a second to three seconds, so that drift is followed."""
_MOST_AHEAD: Final = 0.5
"""Seconds written ahead of what is heard, at most."""
_JUMP_NS: Final = 250_000_000
"""What no buffer is late by: the interface stood still, or the whole machine did."""


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


class PlayClock:
    """Frame numbers to perf_counter_ns at ``rate`` Hz. One thread.

    A callback may run late, never early: the earliest of the last buffers tells best when
    frames are heard. So a late callback moves nothing, and a drift of the interface's clock
    against the system's is followed within the window. After a standstill all is later at once.
    """

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._offsets: deque[int] = deque(maxlen=_WINDOW)
        self._offset: int | None = None
        self._last = -1

    def note(self, frame: int, heard_ns: int) -> None:
        """Frame ``frame`` was handed over to be heard at ``heard_ns``; the same again is
        nothing new."""
        if frame == self._last:
            return
        self._last = frame
        offset = heard_ns - frame * SECOND_NS // self._rate
        if self._offset is not None and offset - self._offset > _JUMP_NS:
            self._offsets.clear()
        self._offsets.append(offset)
        self._offset = min(self._offsets)

    def restart(self) -> None:
        """Forget what was: there is a gap, after which every frame is later."""
        self._offsets.clear()
        self._last = -1

    def heard_ns(self, frame: int) -> int:
        """When ``frame`` is heard. Raises RuntimeError before the first note."""
        if self._offset is None:
            raise RuntimeError("nothing has been played yet")
        return self._offset + frame * SECOND_NS // self._rate


class InterfaceOutlet:
    """The ring to an open interface, as an outlet. Feeder thread only."""

    def __init__(self, ring: SharedRing, rate: int, buffer: float) -> None:
        self.rate = rate
        self.write = ring.write
        self.mute = ring.mute
        self._ring = ring
        self._buffer = round(buffer * rate)
        self._clock = PlayClock(rate)
        self.heard_ns = self._clock.heard_ns
        self._period = 0

    @property
    def written(self) -> int:
        """As for every outlet."""
        return self._ring.written

    @property
    def underruns(self) -> int:
        """As for every outlet."""
        return self._ring.underruns

    def due(self) -> int:
        """What keeps one buffer of the interface, and ours, ahead."""
        position = self._ring.position()
        if position is None:
            return 0
        frame, heard_ns = position.frame, position.heard_ns
        if position.count < position.period:  # a gap: the next frame is in the next buffer
            self._clock.restart()
            frame += position.count
            heard_ns += position.period * SECOND_NS // self.rate
        self._clock.note(frame, heard_ns)
        self._period = max(self._period, position.period)
        ahead = min(self._period + self._buffer, round(_MOST_AHEAD * self.rate), CAPACITY)
        return max(0, self._ring.taken + ahead - self._ring.written)
