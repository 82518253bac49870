"""A clip that loops: rendered frame by frame, then made whole at its seam.

What plays live is the stream as it comes. In the file, what still rings at the end belongs
into the head, because a loop is heard round its seam: reverb, echoes and released notes of
the last bar sound over the first. So the head's frames are kept before the bus, what rings
on is added to them, and the bus runs on over the sum: end and head fit together as any two
neighbouring blocks do, and the limiter has seen every sample.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from mula_daemon.engine.mini.synth.audio import Samples
from mula_daemon.engine.mini.synth.synthesiser import Codes, Synthesiser

LONGEST_TAIL: Final = 4.0
"""Seconds after which what rings is faded out."""
SETTLING: Final = 0.6
"""Seconds beyond the tail in which the bus comes back to what it did the first time."""
FADE_SECONDS: Final = 0.005
"""The stream ends in this fade, so that it does not click when nothing follows."""

_RUNG_OUT: Final = 10.0 ** (-72 / 20)


@dataclass(frozen=True, slots=True)
class RenderedSound:
    """Samples of a clip from ``at`` on: the mix ``[n, 2]``, and the stems ``[8, n, 2]``."""

    at: int
    mix: Samples
    stems: Samples | None


class ClipRenderer:
    """Renders one clip of ``frames`` sixteenths. One thread.

    Keeps some five seconds of sound until `seam`: 4 MB, and 15 MB more with stems.
    """

    def __init__(self, synthesiser: Synthesiser, frames: int, *, stems: bool = False) -> None:
        """``stems`` gives them beside the mix. ``synthesiser`` must not have begun."""
        self._synthesiser = synthesiser
        self._frames = frames
        self._wants_stems = stems
        longest = synthesiser.frames_in(LONGEST_TAIL + SETTLING) + 1
        self._kept = min(frames, longest)
        self._codes: list[Codes] = []
        self._mixes: list[Samples] = []
        self._dry: list[Samples] = []
        """The head's frames before the bus, each ``[n, 2]``."""
        self._stems: list[Samples] = []
        self._end: Samples = np.zeros((0, 2), np.float32)

    def render(self, codes: Codes) -> RenderedSound:
        """The next frame, as it is to be heard live. Raises ValueError as `Synthesiser` does."""
        synthesiser = self._synthesiser
        index = synthesiser.frame
        stems = synthesiser.render_stems(codes)
        dry = stems.sum(axis=0)
        mix = synthesiser.master(dry)
        if index < self._kept:
            self._codes.append(codes)
            self._dry.append(dry)
            self._mixes.append(mix)
            if self._wants_stems:
                self._stems.append(stems)
        if index == self._frames - 1:
            self._end = mix
            mix = _faded_out(mix, synthesiser.sample_rate)
        at = synthesiser.samples(index)
        return RenderedSound(at, mix, stems if self._wants_stems else None)

    def retune(self, bpm: float) -> None:
        """Go on at another tempo: for live play, which has no seam. Raises ValueError."""
        self._synthesiser.retune(bpm)

    def seam(self) -> list[RenderedSound]:
        """What takes the place of some of what was rendered, to make a loop of the clip.

        Once, after the last frame: its last samples without their fade, and its first
        ones with what rings on from the end.
        """
        synthesiser = self._synthesiser
        ringing = self._wrap_tail()
        length = min(self._kept, ringing + synthesiser.frames_in(SETTLING) + 1)
        head = self._dry[:length]
        mixes = [synthesiser.master(dry) for dry in head]
        stems = np.concatenate(self._stems[:length], axis=1) if self._wants_stems else None
        if length == self._frames:
            # A clip as short as its own tail: once more round, for the bus to settle.
            mixes = [synthesiser.master(dry) for dry in head]
            return [RenderedSound(0, np.concatenate(mixes), stems)]
        mixes[-1] = _melted(mixes[-1], self._mixes[length - 1])
        end = synthesiser.samples(self._frames) - len(self._end)
        return [RenderedSound(end, self._end, None), RenderedSound(0, np.concatenate(mixes), stems)]

    def _wrap_tail(self) -> int:
        """Add what rings on to the head, and round again if it must; for how many frames."""
        synthesiser = self._synthesiser
        most = synthesiser.frames_in(LONGEST_TAIL)
        for count in range(most):
            frame = count % self._frames
            if frame == 0:
                synthesiser.rewind()
            stems = synthesiser.ring_on(self._codes[frame])
            if count == most - 1:
                fade = np.linspace(1.0, 0.0, stems.shape[1], dtype=np.float32)
                stems = stems * fade[:, None]
            dry = stems.sum(axis=0)
            self._dry[frame] = self._dry[frame] + dry
            if self._wants_stems:
                self._stems[frame] = self._stems[frame] + stems
            if np.abs(dry).max() < _RUNG_OUT:
                return count + 1
        return most


def _faded_out(sound: Samples, sample_rate: int) -> Samples:
    """``sound`` [n, 2] with a short fade at its end."""
    fade = min(len(sound), round(FADE_SECONDS * sample_rate))
    faded = sound.copy()
    faded[len(sound) - fade :] *= np.linspace(1.0, 0.0, fade, dtype=np.float32)[:, None]
    return faded


def _melted(sound: Samples, into: Samples) -> Samples:
    """``sound`` [n, 2] that becomes ``into``, nearly the same, by its end."""
    ramp = np.linspace(0.0, 1.0, len(sound), dtype=np.float32)[:, None]
    melted: Samples = sound + (into - sound) * ramp
    return melted
