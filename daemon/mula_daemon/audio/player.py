"""What the audio callback does: copy, fade, apply the gain, count."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from mula_daemon.audio.levels import to_gain
from mula_daemon.audio.ring import Ring
from mula_daemon.engine.base import Samples

SILENT_DB: Final = -60.0
"""The bottom of the gain knob, which is off rather than faint."""
_CHUNK: Final = 1024
"""Frames rendered in one go; the size of the scratch memory."""
_GAIN_SECONDS: Final = 0.02


@dataclass(frozen=True, slots=True, eq=False)
class _Cut:
    """An order to drop what the ring held up to ``mark``, after ``fade`` frames of fading."""

    mark: int
    fade: int


class Player:
    """Renders the ring into the audio interface's buffers.

    ``render`` belongs to the audio thread: it never locks, waits or allocates sample
    memory. ``cut`` belongs to the thread that writes the ring (or to whoever holds the
    lock that guards it). ``feeding``, ``gain_db`` and the counters are for any thread.

    Playing starts ``margin`` seconds after the first audio arrives, so that blocks which
    come exactly in real time, however long they are, may each be that much late.
    """

    def __init__(
        self, ring: Ring, rate: int, *, margin: float, fade: float, gain_db: float = 0.0
    ) -> None:
        self.feeding = False
        """Whether more of the take is to come: then, and only then, is a gap an underrun."""
        self.underruns = 0
        """Times that audio was due and the ring was empty."""
        self.playing = False
        """Whether the last buffer held audio of the ring."""
        self.peak = 0.0
        """Greatest sample since somebody set this to 0, linear, after the gain."""
        self._ring = ring
        self._margin = round(margin * rate)
        self._waited = 0
        self._ramp: Samples = np.linspace(1.0, 0.0, max(1, round(fade * rate)), dtype=np.float32)
        self._cut = self._cut_seen = _Cut(0, 0)
        self._fade_left = 0
        self._gain_frames = round(_GAIN_SECONDS * rate)
        self._steps: Samples = np.arange(1, _CHUNK + 1, dtype=np.float32)
        self._envelope: Samples = np.empty(_CHUNK, np.float32)
        self.gain_db = gain_db
        self._gain = self._target

    @property
    def gain_db(self) -> float:
        """Gain in dB, reached smoothly over some 20 ms; -60 and below is off. Any thread."""
        return self._gain_db

    @gain_db.setter
    def gain_db(self, decibels: float) -> None:
        self._gain_db = float(decibels)
        self._target = to_gain(decibels) if decibels > SILENT_DB else 0.0

    def cut(self, *, fade: bool) -> None:
        """Drop everything written so far, after a short fade or (``fade`` False) at once."""
        self._cut = _Cut(self._ring.written, len(self._ramp) if fade else 0)

    def render(self, out: Samples) -> None:
        """Fill ``out`` [frames, channels] with what is to be heard next. Audio thread."""
        for start in range(0, len(out), _CHUNK):
            self._render(out[start : start + _CHUNK])

    def _render(self, out: Samples) -> None:
        rest = out[self._finish_cut(out) :]
        # Asked before reading: a gap in front of the take's last frames still counts.
        feeding = self.feeding
        if not self.playing and not self._ready(len(rest)):
            rest.fill(0.0)
        elif self._ring.read_into(rest) < len(rest):
            self._halt()
            self.underruns += feeding
        self._apply_gain(out)
        self.peak = max(self.peak, float(out.max()), -float(out.min()))

    def _ready(self, frames: int) -> bool:
        if not self._ring.fill:
            return False
        self.playing = self._waited >= self._margin
        self._waited += frames
        return self.playing

    def _halt(self) -> None:
        self.playing = False
        self._waited = 0

    def _finish_cut(self, out: Samples) -> int:
        """Go on with a cut, if there is one; how many frames of ``out`` the fade took."""
        cut = self._cut
        due = cut.mark - self._ring.taken
        if cut is not self._cut_seen:
            # A second cut during a fade goes on with that fade: starting it anew would click.
            left = self._fade_left or len(self._ramp)
            self._fade_left = min(left, cut.fade) if self.playing else 0
            self._cut_seen = cut
            if due > 0 and not self._fade_left:
                self._drop()
        if due <= 0 or not self._fade_left:
            self._fade_left = 0
            return 0
        frames = min(len(out), self._fade_left, due)
        faded = out[:frames]
        self._ring.read_into(faded)
        at = len(self._ramp) - self._fade_left
        faded *= self._ramp[at : at + frames, np.newaxis]
        self._fade_left -= frames
        if frames == due or not self._fade_left:
            self._drop()
        return frames

    def _drop(self) -> None:
        self._fade_left = 0
        self._ring.skip_to(self._cut_seen.mark)
        self._halt()

    def _apply_gain(self, out: Samples) -> None:
        start, target = self._gain, self._target
        if start == target:
            if target != 1.0:
                out *= np.float32(target)
            return
        end = start + (target - start) * min(1.0, len(out) / self._gain_frames)
        if abs(target - end) < 1e-5:
            end = target
        envelope = self._envelope[: len(out)]
        np.multiply(self._steps[: len(out)], np.float32((end - start) / len(out)), out=envelope)
        envelope += np.float32(start)
        out *= envelope[:, np.newaxis]
        self._gain = end
