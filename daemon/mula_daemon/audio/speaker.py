"""The daemon's one loudspeaker: it plays voices, through whatever interface there is now."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from time import perf_counter_ns
from typing import Final

from mula_bridge.control import Task
from mula_bridge.control.messages import AudioReport
from mula_bridge.net import hurry
from mula_daemon.audio.levels import SILENCE_DBFS, to_dbfs
from mula_daemon.audio.mixer import Mixer
from mula_daemon.audio.outlet import Outlet
from mula_daemon.audio.voice import Voice

FEED_SECONDS: Final = 0.004
"""Between two looks at what is due; an outlet asks for frames earlier than this."""

_log = logging.getLogger(__name__)


class Speaker:
    """Plays one voice at a time, fading from one to the next. Every method: any thread.

    ``feeder`` pulls the voice and writes the outlet that ``outlets`` names. The outlet
    may change at any time, to one of another rate too: the voice plays on.
    """

    def __init__(self, outlets: Callable[[], Outlet], gain_db: float = 0.0) -> None:
        self._outlets = outlets
        self._outlet = outlets()
        self._mixer = Mixer(self._outlet.rate, gain_db)
        self._former_underruns = 0
        self._panicking = False
        self._ahead: deque[int] = deque([0], maxlen=256)
        self.feeder: Final = Task("feeder", self._play_on)
        """The thread that plays; to be started, and stopped."""

    def play(self, voice: Voice, at_ns: int | None = None, *, fade_in: bool = False) -> None:
        """Let ``voice`` replace what plays, sample-placed at ``at_ns`` (perf_counter_ns), or now.

        Something that is due at a time should be asked for some 100 ms before it; what is
        asked for too late begins at once. What plays fades out over 5 ms from there.
        ``fade_in`` is for a voice that begins in the middle of its sound; without it the first
        sample is heard as it is. Of several voices that wait for their time, the last counts.
        """
        self._mixer.play(voice, at_ns, fade_in=fade_in)

    def follow(self, voice: Voice) -> None:
        """Let ``voice`` begin, without a gap, where what plays ends; now if nothing plays."""
        self._mixer.follow(voice)

    def stop(self, voice: Voice | None = None) -> None:
        """Fade out what plays and forget what waits: all of it, or only ``voice``."""
        self._mixer.stop(voice)

    def panic(self) -> None:
        """Silence from the interface's next buffer on."""
        self._mixer.panic()
        self._panicking = True

    @property
    def voice(self) -> Voice | None:
        """What plays now, or None."""
        return self._mixer.voice

    @property
    def gain_db(self) -> float:
        """Gain in dB of what is played, -60 (off) and up; a change glides over some 20 ms."""
        return self._mixer.gain_db

    @gain_db.setter
    def gain_db(self, decibels: float) -> None:
        self._mixer.gain_db = decibels

    @property
    def rate(self) -> int:
        """Frames a second that are written now, in Hz."""
        return self._outlet.rate

    @property
    def ahead_ns(self) -> int:
        """How long before they are heard voices are read, at most, of late; in nanoseconds."""
        return max(self._ahead)

    @property
    def underruns(self) -> int:
        """Gaps so far where sound was due: because a voice had none, or because this process or
        the interface's was kept from running."""
        return self._mixer.underruns + self._former_underruns + self._outlet.underruns

    def stats(self) -> AudioReport:
        """Peak since last asked (dBFS, -120 for silence) and underruns so far."""
        peak, self._mixer.peak = self._mixer.peak, 0.0
        level = to_dbfs(peak)
        return AudioReport(
            peak_dbfs=SILENCE_DBFS if level is None else max(level, SILENCE_DBFS),
            underruns=self.underruns,
        )

    # --- the feeder's thread ------------------------------------------------------------------

    def _play_on(self) -> None:
        hurry(first=True)
        while not self.feeder.stopping.is_set():
            try:
                self._feed()
            except Exception:  # one bad buffer must not be the last
                _log.exception("the feeder stumbled")
            self.feeder.stopping.wait(FEED_SECONDS)

    def _feed(self) -> None:
        outlet = self._outlets()
        if outlet is not self._outlet:
            self._former_underruns += self._outlet.underruns
            self._outlet = outlet
            self._mixer.retune(outlet.rate)
        if self._panicking:
            self._panicking = False
            outlet.mute()
        frames = outlet.due()
        if frames:
            ends_ns = outlet.heard_ns(outlet.written + frames)
            self._ahead.append(ends_ns - perf_counter_ns())
            mixed = self._mixer.render(frames, outlet.written, outlet.heard_ns)
            outlet.write(mixed, sounding=self._mixer.sounding)
