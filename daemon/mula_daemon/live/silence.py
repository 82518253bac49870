"""Whether live play is still heard. Pure; one thread at a time."""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from mula_daemon.audio import Samples
from mula_daemon.clips import is_near_silent

QUIET_S: Final = 4.0
"""So long is no pause in the music any more."""


class FellSilent(Struct, frozen=True):
    """The live job has been near-silent for `QUIET_S`; what it made before is no matter."""

    job: str


class SilenceWatch:
    """Notices when what a model makes becomes near-silent, whatever the outputs' volume is."""

    def __init__(self, rate: int) -> None:
        self.sounded = False
        """Whether anything was heard so far."""
        self._most = round(QUIET_S * rate)
        self._quiet = 0

    def hear(self, samples: Samples) -> bool:
        """Take the next ``samples`` [n, channels]; True once for each stretch, when it is long."""
        if not is_near_silent(samples):
            self.sounded, self._quiet = True, 0
            return False
        before, self._quiet = self._quiet, self._quiet + len(samples)
        return before < self._most <= self._quiet
