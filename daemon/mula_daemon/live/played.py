"""What live play has made so far, as far back as may be captured."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Sequence
from time import perf_counter_ns
from typing import Final

import numpy as np
from msgspec import Struct

from mula_bridge.errors import Unavailable
from mula_daemon.audio import Samples
from mula_daemon.engine import Frame

MOST_BARS: Final = 32
"""How far back a capture may reach: about 25 MB at 120 BPM, 74 MB at 40 BPM."""
_MOST_SECONDS: Final = 132.0
"""The same where frames follow no beat: 33 bars at 60 BPM."""
_TOO_EARLY: Final = "not one bar has been heard yet: capture again in a moment"
_AHEAD_FRAMES: Final = 32
"""Frames that may have been made and not been heard."""


class PlayedFrame(Struct, frozen=True, eq=False):
    """A frame, its sound, and the number of its first sample since live play began."""

    frame: Frame
    first: int
    samples: Samples
    made_ns: int
    """perf_counter_ns when the daemon had it."""

    @property
    def end(self) -> int:
        """The number of the sample after its last one."""
        return self.first + len(self.samples)


class Stretch(Struct, frozen=True, eq=False):
    """Whole bars; ``after`` is what follows them, if it is made.

    Where frames follow the beat they are those from a bar line to a bar line. Where they do not,
    ``bpm`` is the tempo whose bars were asked for: the first frame is where they begin, and the
    last one has their end.
    """

    frames: Sequence[PlayedFrame]
    after: Samples
    bars: int
    bpm: float | None = None

    def samples(self, length: int) -> Samples:
        """Exactly ``length`` samples from its beginning; bars of a tempo differ by one at most."""
        sound = np.concatenate([*(frame.samples for frame in self.frames), self.after])
        if len(sound) < length:
            sound = np.concatenate([sound, np.zeros((length - len(sound), 2), np.float32)])
        return sound[:length]

    @property
    def length(self) -> int:
        """Its samples, as they were played."""
        return self.frames[-1].end - self.frames[0].first


class Played:
    """The last bars of one live performance. One thread adds; any thread asks."""

    def __init__(self, frames_per_bar: int, *, frame_seconds: float = 0.0) -> None:
        """``frames_per_bar`` is 0 where frames last ``frame_seconds`` and follow no beat."""
        self._per_bar = frames_per_bar
        self._lock = threading.Lock()
        most = (
            (MOST_BARS + 1) * frames_per_bar
            if frames_per_bar
            else round(_MOST_SECONDS / frame_seconds)
        )
        self._frames: deque[PlayedFrame] = deque(maxlen=most + _AHEAD_FRAMES)

    def add(self, frame: Frame, samples: Samples) -> None:
        """Keep the next frame with its sound, float32 [n, channels]."""
        with self._lock:
            first = self._frames[-1].end if self._frames else 0
            self._frames.append(PlayedFrame(frame, first, samples, perf_counter_ns()))

    def since(self, index: int) -> list[PlayedFrame]:
        """The frames from ``index`` on that are here, oldest first."""
        with self._lock:
            return [frame for frame in self._frames if frame.frame.index >= index]

    def first_of(self, index: int) -> int | None:
        """The first sample of frame ``index``; None when it is not here (yet, or any more).

        Of the frame that comes next it is known already.
        """
        with self._lock:
            if not self._frames:
                return 0 if index == 0 else None
            place = index - self._frames[0].frame.index
            if place == len(self._frames):
                return self._frames[-1].end
            return self._frames[place].first if 0 <= place < len(self._frames) else None

    def bars(self, count: int, heard: int) -> Stretch:
        """The newest ``count`` whole bars (fewer if there are fewer) before sample ``heard``.

        Raises Unavailable before the first bar has been heard.
        """
        frames, known = self._before(heard)
        if known:
            end = (known[-1].frame.index + 1) // self._per_bar * self._per_bar
            oldest = frames[0].frame.index
            first_whole = -(-oldest // self._per_bar) * self._per_bar
            begin = max(first_whole, end - count * self._per_bar)
            if begin < end:
                bars = (end - begin) // self._per_bar
                return _stretch(frames, begin - oldest, end - oldest, bars)
        raise Unavailable(_TOO_EARLY)

    def newest(self, count: int, bar: float, bpm: float, heard: int) -> Stretch:
        """``count`` bars of ``bar`` samples each at ``bpm``, or as many as there are, up to the
        last frame that ended before sample ``heard``: for frames that follow no beat.

        Raises Unavailable before so much has been heard.
        """
        frames, known = self._before(heard)
        for bars in range(count, 0, -1):
            begin = known[-1].end - round(bars * bar) if known else -1
            first = sum(frame.end <= begin for frame in known)
            if first < len(known) and known[first].first <= begin:
                return _stretch(frames, first, len(known), bars, bpm)
        raise Unavailable(_TOO_EARLY)

    def _before(self, heard: int) -> tuple[list[PlayedFrame], list[PlayedFrame]]:
        """The frames that are here, and those that ended before sample ``heard``."""
        with self._lock:
            frames = list(self._frames)
        return frames, [frame for frame in frames if frame.end <= heard]


def _stretch(
    frames: list[PlayedFrame], begin: int, end: int, bars: int, bpm: float | None = None
) -> Stretch:
    after = frames[end].samples if end < len(frames) else frames[begin].samples[:0]
    return Stretch(frames[begin:end], after, bars, bpm)
