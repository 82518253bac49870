"""The daemon's one loudspeaker: it plays voices, through whatever interface there is now."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from time import perf_counter_ns
from typing import Final

from mula_bridge.control import Task
from mula_bridge.control.messages import AudioReport
from mula_bridge.net import hurry
from mula_daemon.audio.levels import SILENCE_DBFS, to_dbfs
from mula_daemon.audio.mixer import Mixer
from mula_daemon.audio.outlet import Nowhere, Outlet
from mula_daemon.audio.voice import Voice

FEED_SECONDS: Final = 0.004
"""Between two looks at what is due; an outlet asks for frames earlier than this."""
_LONGEST_NS: Final = 250_000_000
"""Between two looks of a machine that is awake."""


class Speaker(Mixer):
    """A mixer that is heard: ``feeder`` renders it into the outlet that ``outlets`` names, or
    (None) nowhere.

    The outlet may change at any time, to one of another rate too: the voice plays on.
    """

    def __init__(self, outlets: Callable[[], Outlet] | None = None) -> None:
        self._outlets = outlets
        self._outlet: Outlet = Nowhere() if outlets is None else outlets()
        super().__init__(self._outlet.rate)
        self.pulse = 0
        """Grows a few hundred times a second for as long as sound goes on, or silence."""
        self._former_underruns = 0
        self._panicking = False
        self._looked_ns = perf_counter_ns()
        self.awake_ns = 0
        """Nanoseconds that this machine was awake so far, counted in looks of the feeder: the clock
        of some goes on while they sleep. Any thread may read it."""
        self._ahead: deque[int] = deque([0], maxlen=256)
        self.feeder: Final = Task("feeder", self._play_on)
        """The thread that plays; to be started, and stopped."""

    def panic(self) -> None:
        """Silence from the interface's next buffer on."""
        super().panic()
        self._panicking = True

    @property
    def ahead_ns(self) -> int:
        """How long before they are heard voices are read, at most, of late; in nanoseconds."""
        return max(self._ahead)

    @property
    def underruns(self) -> int:
        """Gaps so far where sound was due: because a voice had none, or because this process or
        the interface's was kept from running."""
        return self.gaps + self._former_underruns + self._outlet.underruns

    def stats(self) -> AudioReport:
        """Peak since last asked (dBFS, -120 for silence) and underruns so far."""
        peak, self.peak = self.peak, 0.0
        level = to_dbfs(peak)
        return AudioReport(
            peak_dbfs=SILENCE_DBFS if level is None else max(level, SILENCE_DBFS),
            underruns=self.underruns,
        )

    # --- the feeder's thread ------------------------------------------------------------------

    def _play_on(self) -> None:
        hurry(first=True)
        while not self.feeder.stopping.is_set():
            self._look()
            with self.feeder.item("a buffer of sound"):
                self._feed()
            self.feeder.stopping.wait(FEED_SECONDS)

    def _look(self) -> None:
        now = perf_counter_ns()
        self.awake_ns += min(now - self._looked_ns, _LONGEST_NS)
        self._looked_ns = now

    def _feed(self) -> None:
        outlet = self._outlet if self._outlets is None else self._outlets()
        if outlet is not self._outlet:
            self._former_underruns += self._outlet.underruns
            self._outlet = outlet
            self.retune(outlet.rate)
        if self._panicking:
            self._panicking = False
            outlet.mute()
        frames = outlet.due()
        if frames:
            ends_ns = outlet.heard_ns(outlet.written + frames)
            self._ahead.append(ends_ns - perf_counter_ns())
            mixed = self.render(frames, outlet.written, outlet.heard_ns)
            outlet.write(mixed, sounding=self.sounding)
        self.pulse += 1

    def _dropped(self, voice: Voice, error: Exception) -> None:
        """Have it told, as there is silence where somebody waits for sound."""
        self.feeder.stumble(f"{type(voice).__name__} was not played on", error)
