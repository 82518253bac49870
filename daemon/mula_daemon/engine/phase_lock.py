"""Keeps the bars of live play on the session's bar lines. Pure.

Live play begins on a bar line, but its time is the sound card's: some parts in a million off the
machine's, which is a tenth of a second in an hour. And a new tempo is heard a lead later than it
holds. What has come of it by a bar line is made up for within the bar that begins there: all of it
is made a little longer or shorter, as a DJ nudges a deck.
"""

from __future__ import annotations

from typing import Final

from mula_bridge.control import BEATS_PER_BAR, KNOBS
from mula_daemon.tempo import Timeline

TOLERANCE_MS: Final = 2.0
"""What nobody hears is left alone, so that a bar has the very tempo that was asked for."""
MOST: Final = 0.04
"""The largest share by which the tempo of a bar is bent."""
_BPM: Final = KNOBS["bpm"]


class PhaseLock:
    """Asked once for each frame, in order. One thread."""

    def __init__(self, frames_per_beat: int) -> None:
        self._per_bar = frames_per_beat * BEATS_PER_BAR
        self._frames = 0
        self._share = 0.0

    def bpm(self, bpm: float, line: Timeline | None, heard_ns: int) -> float:
        """The tempo of the next frame, in quarters a minute.

        ``bpm`` is what it would be otherwise (0: the job's own, which stays), ``heard_ns`` when the
        frame's beginning is heard. Without a ``line`` there is no bar line to keep to.
        """
        if self._frames % self._per_bar == 0:
            self._share = self._needed(line, heard_ns)
        self._frames += 1
        if not bpm or not self._share:
            return bpm
        return float(_BPM.coerce(bpm * (1 + self._share)))

    def _needed(self, line: Timeline | None, heard_ns: int) -> float:
        if line is None:
            return 0.0
        half = BEATS_PER_BAR / 2
        behind = (line.beat_at(heard_ns) + half) % BEATS_PER_BAR - half  # the nearer way round
        if abs(behind) * 60_000 / line.bpm <= TOLERANCE_MS:
            return 0.0
        # A whole bar, while the line goes on to its bar line.
        return max(-MOST, min(MOST, behind / (BEATS_PER_BAR - behind)))
