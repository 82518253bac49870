"""How much work the codec puts into a second of sound, when sound has a deadline. Pure."""

from __future__ import annotations

from typing import Final

BEHIND: Final = 0.95
"""Compute seconds per audio second from which on playback is not kept up with safely."""
AHEAD: Final = 0.5
"""Below this a step that was taken down may go up again..."""
PATIENCE: Final = 4
"""...after so many windows in a row."""
SHARES: Final = (1.0, 0.7, 0.5, 0.3)
LEAST_STEPS: Final = 2


class Effort:
    """Euler steps and guidance scale for the next window of every take.

    Each window is weighed once: what it cost against what it lasts. Steps go down first; the last
    rung leaves guidance out, which halves the cost. Nothing moves unless ``deadline``: a clip for
    the folder alone may take its time.
    """

    def __init__(self, steps: int, guidance: float, *, deadline: bool) -> None:
        counts = [max(min(LEAST_STEPS, steps), round(steps * share)) for share in SHARES]
        rungs = [(count, guidance) for count in counts] + [(counts[-1], 1.0)]
        self._rungs = list(dict.fromkeys(rungs))
        self._rung = 0
        self._deadline = deadline
        self._calm = 0

    @property
    def steps(self) -> int:
        return self._rungs[self._rung][0]

    @property
    def guidance(self) -> float:
        return self._rungs[self._rung][1]

    @property
    def share(self) -> float:
        """Which part of a window's full work the next one gets, 0 to 1."""
        steps, guidance = self._rungs[0]
        rows = 1.0 if self.guidance == guidance else 0.5
        return self.steps / steps * rows

    def weigh(self, compute_s: float, audio_s: float) -> str:
        """Take in what ``audio_s`` of sound cost; what changed, in words, or nothing.

        ``audio_s`` is in seconds as they pass at playback.
        """
        load = compute_s / audio_s
        before = self._rung
        if not self._deadline:
            return ""
        if load > BEHIND:
            self._calm = 0
            self._rung = min(self._rung + 1, len(self._rungs) - 1)
        elif load < AHEAD:
            self._calm += 1
            if self._calm >= PATIENCE:
                self._calm, self._rung = 0, max(0, self._rung - 1)
        else:
            self._calm = 0
        if self._rung == before:
            return ""
        return (
            f"a second of sound took {load:.2f} s to make: the codec now takes {self.steps} steps "
            f"a window, guidance {self.guidance:g}"
        )
