"""The mix bus: low cut, a gentle compressor and a limiter."""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from scipy.signal import lfilter

from mula_daemon.engine.mini.synth.audio import Samples, butterworth, decibels
from mula_daemon.engine.mini.synth.limiter import Limiter

LOW_CUT_HERTZ: Final = 24.0
SIDES_HERTZ: Final = 110.0
"""Below this the mix is mono: big systems sum their bass, and vinyl has to."""
HEARD_HERTZ: Final = 100.0
THRESHOLD_DB: Final = -26.0
RATIO: Final = 3.0
MAKE_UP_DB: Final = 6.2
ATTACK_SECONDS: Final = 0.025
RELEASE_SECONDS: Final = 0.2

_HOP: Final = 256
_SILENT: Final = 1e-12


class Bus:
    """Stereo in, stereo out, no latency. One thread."""

    def __init__(self, sample_rate: int) -> None:
        self._middle = LowCut(LOW_CUT_HERTZ, sample_rate)
        self._sides = LowCut(SIDES_HERTZ, sample_rate)
        self._compressor = Compressor(sample_rate)
        self._limiter = Limiter(sample_rate)

    def render(self, mix: Samples) -> Samples:
        """The mastered next block of a mix ``[2, n]``, in the same shape."""
        middle = self._middle.render((mix[0] + mix[1]) * np.float32(0.5))
        sides = self._sides.render((mix[0] - mix[1]) * np.float32(0.5))
        gains = self._compressor.gains(middle, sides) * np.float32(decibels(MAKE_UP_DB))
        block = np.stack([middle + sides, middle - sides])
        block *= gains
        return self._limiter.render(block)


class LowCut:
    """A highpass of the second order on one channel. One thread."""

    def __init__(self, hertz: float, sample_rate: int) -> None:
        section = butterworth(2, hertz, "highpass", sample_rate)[0]
        self._numerator, self._denominator = section[:3], section[3:]
        self._state = np.zeros(2)

    def render(self, channel: Samples) -> Samples:
        """The next block of a channel ``[n]``."""
        cut, self._state = lfilter(self._numerator, self._denominator, channel, zi=self._state)
        # A filter never quite comes to rest, and denormal numbers are slow.
        self._state[np.abs(self._state) < _SILENT] = 0.0
        block: Samples = cut.astype(np.float32)
        return block


class Compressor:
    """Levels the whole mix by its loudness over some 25 ms. One thread.

    It listens above the kick's fundamental, so that a kick does not push down
    everything else, and least of all itself: ducking is `Ducker`'s work.
    """

    def __init__(self, sample_rate: int) -> None:
        self._rate = sample_rate
        self._heard = LowCut(HEARD_HERTZ, sample_rate)
        self._level_db = -120.0
        self._gain = 1.0

    def gains(self, middle: Samples, sides: Samples) -> Samples:
        """The gain at each sample of a mix's middle and sides ``[n]``, float32 ``[n]`` in 0..1."""
        n = len(middle)
        hops = max(1, n // _HOP)
        edges = np.linspace(0, n, hops + 1).astype(np.intp)
        heard = self._heard.render(middle) ** 2 + sides**2
        power = np.add.reduceat(heard, edges[:-1]) / np.diff(edges)
        seconds = n / hops / self._rate
        rise = 1.0 - math.exp(-seconds / ATTACK_SECONDS)
        fall = 1.0 - math.exp(-seconds / RELEASE_SECONDS)
        gains = [self._gain]
        for level in 10.0 * np.log10(power + 1e-12):
            towards = level - self._level_db
            self._level_db += float(towards) * (rise if towards > 0.0 else fall)
            over = max(0.0, self._level_db - THRESHOLD_DB)
            gains.append(decibels(-over * (1.0 - 1.0 / RATIO)))
        self._gain = gains[-1]
        return np.interp(np.arange(n), edges, gains).astype(np.float32)
