"""The seam between what makes sound and what plays it.

The speaker's feeder thread pulls a voice a few milliseconds before its frames are heard.
"""

from __future__ import annotations

from typing import Protocol

from mula_daemon.audio.samples import Samples


class Voice(Protocol):
    """One piece of sound on demand: a clip, a take that is being written, live play."""

    @property
    def rate(self) -> int:
        """Frames a second of what ``read`` gives, in Hz; the speaker converts. Constant."""

    @property
    def ended(self) -> bool:
        """Whether nothing comes after what was read: then a short read is the end. Any thread."""

    def read(self, frames: int, at_ns: int) -> Samples:
        """The next frames, float32 [n, 2] with n <= ``frames``; they are not read again.

        ``at_ns`` (perf_counter_ns) is when the first of them will be heard. Fewer frames than
        asked for while not ``ended`` are a gap: the rest is silence, counted as an underrun.
        Feeder thread only. Must neither wait nor raise, and take well under a millisecond:
        a voice that raises is dropped.
        """

    def retire(self) -> None:
        """Take note that ``read`` will not be called again: it ended, or was stopped or replaced.

        Once, on the feeder's thread. Must not wait.
        """
