"""A clip as the speaker plays it: round and round if asked, also while it is being written."""

from __future__ import annotations

import threading
from typing import Final

import numpy as np

from mula_daemon.audio import SECOND_NS, Gain, Samples
from mula_daemon.audition.tape import Tape

_FADE_SECONDS: Final = 0.005

Place = tuple[float, int]
"""A place in a clip in beats, and the moment (perf_counter_ns) at which it is heard."""


class ClipVoice:
    """Reads one tape. Any thread may set ``loop`` and ``gain.decibels``, and ask everything.

    ``bpm`` is the clip's own tempo. With ``join`` it begins in step with a place of another
    clip, as far as the tape goes. With ``margin`` (seconds) it begins with so much silence:
    blocks of a tape that is being written may each be that much late. A clip that is not
    looped fades over its last 5 ms, so that it ends without a click whatever it ends on; at
    0 dB nothing else is changed.
    """

    def __init__(
        self,
        tape: Tape,
        bpm: float,
        *,
        loop: bool = False,
        gain_db: float = 0.0,
        join: Place | None = None,
        margin: float = 0.0,
    ) -> None:
        self.rate = tape.rate
        self.loop = loop
        self.passes = 0
        """How often it came to the end."""
        self.taken = 0
        """Frames of the tape read in this pass."""
        self._tape = tape
        self._frames_per_beat = tape.rate * 60.0 / bpm
        self._join = join
        self._margin = round(margin * tape.rate)
        self._placed: tuple[int, int] | None = None
        self.retired = threading.Event()
        """Set when the speaker has done with it."""
        self._ramp: Samples = np.linspace(
            1.0, 0.0, min(tape.total, round(_FADE_SECONDS * tape.rate)), dtype=np.float32
        )
        self.gain = Gain(gain_db)

    # --- any thread ---------------------------------------------------------------------------

    @property
    def ended(self) -> bool:
        """Whether it came to its end, was taken off, or its take was given up."""
        if self.retired.is_set():
            return True
        return self.taken >= (self._tape.filled if self._tape.closed else self._tape.total)

    @property
    def began(self) -> bool:
        """Whether any of it was read."""
        return self._placed is not None

    def place(self, now_ns: int) -> Place:
        """Where it is heard at ``now_ns``, as far as is known; beat 0 before it begins."""
        if self._placed is None:
            return 0.0, now_ns
        frame, at_ns = self._placed
        frames = max(0.0, frame + (now_ns - at_ns) * self.rate / SECOND_NS)
        frames = frames % self._tape.total if self.loop else min(frames, float(self._tape.total))
        return frames / self._frames_per_beat, now_ns

    def heard_ns(self, frame: int) -> int | None:
        """perf_counter_ns at which a frame is heard in the first pass, if that is known."""
        if self._placed is None or self.passes:
            return None
        known, at_ns = self._placed
        return at_ns + (frame - known) * SECOND_NS // self.rate

    def retire(self) -> None:
        """As every voice."""
        self.retired.set()

    # --- the feeder's thread ------------------------------------------------------------------

    def read(self, frames: int, at_ns: int) -> Samples:
        """As every voice."""
        if self._join is not None:
            self.taken, self._join = self._joined(self._join, at_ns), None
        silence = min(frames, self._margin)
        self._margin -= silence
        self._placed = self.taken, at_ns + silence * SECOND_NS // self.rate
        parts: list[Samples] = [np.zeros((silence, 2), np.float32)]
        left = frames - silence
        while left:
            part = self._tape.frames(self.taken, left)
            parts.append(self._faded(part))
            self.taken += len(part)
            left -= len(part)
            if self.taken == self._tape.total and self.loop:
                self.taken = 0
                self.passes += 1
            elif not len(part):
                break
        whole = parts[1] if len(parts) == 2 and not silence else np.concatenate(parts)
        return self.gain.applied(whole, self.rate)

    def _joined(self, join: Place, at_ns: int) -> int:
        beat, then_ns = join
        frame = round(beat * self._frames_per_beat + (at_ns - then_ns) * self.rate / SECOND_NS)
        frame %= self._tape.total
        return frame if frame < self._tape.filled else 0

    def _faded(self, part: Samples) -> Samples:
        if self.loop or not len(part):
            return part
        begin = self._tape.total - len(self._ramp)
        touched = self.taken + len(part) - begin
        if touched <= 0:
            return part
        part = part.copy()
        touched = min(touched, len(part))
        at = self.taken + len(part) - touched - begin
        part[-touched:] *= self._ramp[at : at + touched, np.newaxis]
        return part
