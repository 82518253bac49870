"""Musical time as a straight line: which beat sounds at which moment. Pure; any thread.

A beat is a quarter. Moments are ``time.perf_counter_ns`` of this process, which on every
system we run on is the same clock in all processes of the machine.
"""

from __future__ import annotations

import math
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

_NS_PER_MINUTE: Final = 60e9


class Timeline(Struct, frozen=True):
    """``beat`` sounds at ``at_ns``, and ``bpm`` (above 0) quarters follow in a minute.

    Bars begin where the beat is a multiple of ``BEATS_PER_BAR`` (mula_bridge.control.quantum). The
    line goes on in both directions, and also while nothing is ``playing``, so that there
    always is a next bar to wait for.
    """

    bpm: float = 120.0
    beat: float = 0.0
    at_ns: int = 0
    playing: bool = False

    def beat_at(self, ns: int) -> float:
        """The beat at a moment."""
        return self.beat + (ns - self.at_ns) * self.bpm / _NS_PER_MINUTE

    def ns_at(self, beat: float) -> int:
        """The moment of a beat."""
        return self.at_ns + round((beat - self.beat) * _NS_PER_MINUTE / self.bpm)

    def next(self, quantum_beats: float, after_ns: int) -> int:
        """The first moment, not before ``after_ns``, at a multiple of ``quantum_beats``.

        A quantum of 0 or less does not wait: it is ``after_ns``.
        """
        if quantum_beats <= 0:
            return after_ns
        # From one boundary too early on, by moments: a beat that was rounded cannot skip one.
        number = math.floor(self.beat_at(after_ns) / quantum_beats)
        while (ns := self.ns_at(number * quantum_beats)) < after_ns:
            number += 1
        return ns

    def at_tempo(self, bpm: float, ns: int) -> Timeline:
        """The line that leaves this one at ``ns`` for another tempo."""
        return replace(self, bpm=bpm, beat=self.beat_at(ns), at_ns=ns)
