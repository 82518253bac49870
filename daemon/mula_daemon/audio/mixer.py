"""What is heard now, what follows, and how one gives way to the other."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from typing import Final

import numpy as np

from mula_daemon.audio.levels import Gain
from mula_daemon.audio.samples import SECOND_NS, Samples
from mula_daemon.audio.strip import Strip
from mula_daemon.audio.voice import Voice

MOST_ORDERS: Final = 1024
"""What was asked for and not done yet; a feeder that stands still does the newest."""
MOST_FOLLOWING: Final = 64
"""Voices that wait for the end of the one before."""

_log = logging.getLogger(__name__)

At = Callable[[int], int]
"""Number of an output frame -> perf_counter_ns when it will be heard."""


class Mixer:
    """Renders the current voice, with those that fade out, at one output rate.

    ``render`` is the feeder thread's. Everything else is for any thread: orders are queued
    and obeyed at the next ``render``, in order, so nobody waits for anybody.
    """

    def __init__(self, rate: int) -> None:
        self.gaps = 0
        """Gaps inside voices so far."""
        self.peak = 0.0
        """Greatest sample since somebody set this to 0, linear, after the gain."""
        self.gain: Final = Gain()
        """Of all that is heard; any thread may turn it."""
        self.rate = rate
        """Frames a second that are rendered now, in Hz."""
        self._orders: deque[Callable[[], None]] = deque(maxlen=MOST_ORDERS)
        self._current: Strip | None = None
        self._leaving: list[Strip] = []
        self._due: tuple[int, Voice, bool] | None = None
        self._following: deque[Voice] = deque()

    # --- any thread ---------------------------------------------------------------------------

    def play(self, voice: Voice, at_ns: int | None = None, *, fade_in: bool = False) -> None:
        """Let ``voice`` replace what plays, sample-placed at ``at_ns`` (perf_counter_ns), or now.

        Something that is due at a time should be asked for some 100 ms before it; what is
        asked for too late begins at once. What plays fades out over 5 ms from there.
        ``fade_in`` is for a voice that begins in the middle of its sound; without it the first
        sample is heard as it is. Of several voices that wait for their time, the last counts.
        """
        self._orders.append(lambda: self._take(voice, at_ns, fade_in))

    def follow(self, voice: Voice) -> None:
        """Let ``voice`` begin, without a gap, where what plays ends; at once if nothing does.

        Of too many that follow, the last is retired unheard.
        """
        self._orders.append(lambda: self._queue(voice))

    def stop(self, voice: Voice | None = None) -> None:
        """Fade out what plays, and forget what waits; only if it is ``voice``, where one is
        given."""
        self._orders.append(lambda: self._stop(voice))

    def panic(self) -> None:
        """Drop everything where it is."""
        self._orders.append(self._drop)

    @property
    def voice(self) -> Voice | None:
        """What plays, or None."""
        current = self._current
        return current.voice if current is not None else None

    @property
    def sounding(self) -> bool:
        """Whether any voice plays or fades."""
        return self._current is not None or bool(self._leaving)

    # --- the feeder's thread ------------------------------------------------------------------

    def retune(self, rate: int) -> None:
        """Go on at another output rate."""
        if rate == self.rate:
            return
        self.rate = rate
        current, self._current = self._current, None
        for strip in self._leaving:
            _retire(strip.voice)
        self._leaving = []
        if current is not None:
            self._begin(current.voice, fade_in=True)

    def render(self, frames: int, first: int, at: At) -> Samples:
        """The next ``frames`` frames, float32 [frames, 2], of which ``first`` is the number
        of the first one.

        Whatever it raises, everything that played is dropped: it would raise again.
        """
        try:
            return self._render(frames, first, at)
        except Exception:
            self._drop()
            raise

    def _render(self, frames: int, first: int, at: At) -> Samples:
        while self._orders:
            self._orders.popleft()()
        out: Samples = np.zeros((frames, 2), np.float32)
        done = 0
        while done < frames:
            end = self._begin_due(first + done, first + frames, at) - first
            done += self._fill(out[done:end], first + done, at)
        out = self.gain.applied(out, self.rate)
        if frames:
            peak = max(float(out.max()), -float(out.min()))
            if not np.isfinite(peak):
                raise ValueError("what plays is not finite (NaN or infinity)")
            self.peak = max(self.peak, peak)
        return out

    def _begin_due(self, now: int, end: int, at: At) -> int:
        """Begin what is due at frame ``now``; up to which frame that holds, ``end`` at most."""
        if self._due is None:
            return end
        at_ns, voice, fade_in = self._due
        wait = (at_ns - at(now)) * self.rate // SECOND_NS
        if wait > 0:
            return min(end, now + wait)
        self._due = None
        self._begin(voice, fade_in=fade_in)
        return end

    def _fill(self, out: Samples, now: int, at: At) -> int:
        """Add up what plays; how many frames of ``out`` are done."""
        if self._current is None and self._following:
            self._begin(self._following.popleft())
        done = len(out)
        if self._current is not None:
            before = self._current.underruns
            done = self._current.add_to(out, at(now))
            self.gaps += self._current.underruns - before
            self._excuse(self._current)
            if self._current.ended or self._current.faded:
                _retire(self._current.voice)
                self._current = None
            if not self._following and self._current is None:
                done = len(out)
        for strip in self._leaving:
            strip.add_to(out[:done], at(now))
            self._excuse(strip)
        over = [strip for strip in self._leaving if strip.faded or strip.ended]
        self._leaving = [strip for strip in self._leaving if strip not in over]
        for strip in over:
            _retire(strip.voice)
        return done

    def _begin(self, voice: Voice, *, fade_in: bool = False) -> None:
        self._leave()
        try:
            self._current = Strip(voice, self.rate, fade_in=fade_in)
        except Exception as error:  # no converter, or none for such rates
            self._dropped(voice, error)
            _retire(voice)

    def _excuse(self, strip: Strip) -> None:
        failure, strip.failure = strip.failure, None
        if failure is not None:
            self._dropped(strip.voice, failure)

    def _dropped(self, voice: Voice, error: Exception) -> None:
        """A voice is heard no more because of ``error``."""
        _log.error("%r was dropped", voice, exc_info=error)

    def _leave(self) -> None:
        if self._current is not None:
            self._current.fade_out()
            self._leaving.append(self._current)
            self._current = None

    def _take(self, voice: Voice, at_ns: int | None, fade_in: bool) -> None:
        self._forget(None)
        if at_ns is None:
            self._begin(voice, fade_in=fade_in)
        else:
            self._due = at_ns, voice, fade_in

    def _stop(self, voice: Voice | None) -> None:
        if voice is None or (self._current is not None and self._current.voice is voice):
            self._leave()
        self._forget(voice)

    def _queue(self, voice: Voice) -> None:
        if len(self._following) < MOST_FOLLOWING:
            self._following.append(voice)
        else:
            _retire(voice)

    def _forget(self, voice: Voice | None) -> None:
        """Let go of what waits: of ``voice``, or (None) of all."""
        waiting = list(self._following)
        if self._due is not None:
            waiting.append(self._due[1])
        gone = [one for one in waiting if voice is None or one is voice]
        if self._due is not None and self._due[1] in gone:
            self._due = None
        self._following = deque(one for one in self._following if one not in gone)
        for one in gone:
            _retire(one)

    def _drop(self) -> None:
        self._stop(None)
        dropped, self._leaving = self._leaving, []
        for strip in dropped:
            _retire(strip.voice)


def _retire(voice: Voice) -> None:
    try:
        voice.retire()
    except Exception:  # as for reading: the others play on
        _log.exception("%r", voice)
