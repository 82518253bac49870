"""Side-chain ducking: what makes room for the kick."""

from __future__ import annotations

from typing import Final

import numpy as np

from mula_daemon.engine.mini.synth.audio import Samples
from mula_daemon.engine.mini.synth.envelopes import seconds_from

ATTACK_SECONDS: Final = 0.004
RECOVERY_BEATS: Final = 0.7
LONGEST_RECOVERY: Final = 0.42


class Ducker:
    """A gain that drops at each kick and comes back within the beat. One thread."""

    def __init__(self, bpm: float, sample_rate: int) -> None:
        self._rate = sample_rate
        self.retune(bpm)
        self._since: int | None = None
        self._depth = 0.0
        self._from = 1.0

    def retune(self, bpm: float) -> None:
        """Come back in the time of another tempo, from now on."""
        self._recovery = min(RECOVERY_BEATS * 60.0 / bpm, LONGEST_RECOVERY)

    def render(self, n: int, kick: int | None, depth: float) -> Samples:
        """The gain of the next ``n`` samples, float32 ``[n]`` in 0..1.

        ``kick`` is where in the block a kick begins, None without one; ``depth``
        0..1 is how far the gain drops for it.
        """
        if kick is None or depth == 0.0:
            return self._next(n)
        before = self._next(kick)
        # The curve at the kick itself is where the drop starts, so nothing jumps.
        self._from = float(self._next(1)[0])
        self._since, self._depth = 0, depth
        return np.concatenate([before, self._next(n - kick)])

    def _next(self, n: int) -> Samples:
        if self._since is None or n == 0:
            return np.ones(n, np.float32)
        seconds = seconds_from(self._since, n, self._rate)
        self._since += n
        gain = self._curve(seconds)
        if seconds[-1] > ATTACK_SECONDS + self._recovery:
            self._since = None
        return gain

    def _curve(self, seconds: Samples) -> Samples:
        dropping = np.clip(seconds / np.float32(ATTACK_SECONDS), 0.0, 1.0)
        back = np.clip((seconds - ATTACK_SECONDS) / self._recovery, 0.0, 1.0)
        # Slow, then fast, then slow: the shape dance producers draw by hand.
        eased = back * back * (3.0 - 2.0 * back)
        down = self._from + (1.0 - self._depth - self._from) * dropping
        gain: Samples = (down + self._depth * eased).astype(np.float32)
        return gain
