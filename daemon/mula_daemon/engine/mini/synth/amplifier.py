"""A driven amplifier and its speaker cabinet, for guitars."""

from __future__ import annotations

import functools

import numpy as np
from numpy.typing import NDArray
from scipy.signal import iirpeak, sosfilt, tf2sos

from mula_daemon.engine.mini.synth.audio import Samples, butterworth, place
from mula_daemon.engine.mini.synth.sound import Sound


@functools.cache
def cabinet(sample_rate: int) -> NDArray[np.float64]:
    """A closed box with a twelve-inch speaker, as second-order sections ``[s, 6]``."""
    low = butterworth(2, 85.0, "highpass", sample_rate)
    high = butterworth(4, 4600.0, "lowpass", sample_rate)
    # A peaking filter is the wire plus a band: the cone's bite near 2.6 kHz.
    b, a = iirpeak(2600.0, 1.4, fs=sample_rate)
    bite = tf2sos(a + 0.9 * b, a)
    sections: NDArray[np.float64] = np.concatenate([low, bite, high])
    return sections


class Amplifier:
    """Plays a mono sound through drive and a cabinet, at a stereo position. One thread."""

    def __init__(self, sound: Sound, drive: float, pan: float, level: float, rate: int) -> None:
        """``drive`` is the gain into the valves; ``pan`` -1 left to 1 right."""
        self._sound = sound
        self._drive = np.float32(drive)
        self._pan = pan
        self._level = np.float32(level)
        self._sections = cabinet(rate)
        self._state = np.zeros((len(self._sections), 2))

    @property
    def remaining(self) -> int:
        """Samples until only silence is left, as far as that is known."""
        return self._sound.remaining

    def release(self, at: int) -> None:
        """Let go ``at`` samples into the block to come."""
        self._sound.release(at)

    def render(self, n: int) -> Samples:
        """The next ``n`` samples, ``[2, n]``."""
        # A valve clips one side before the other: the offset brings even harmonics.
        driven = np.tanh(self._sound.render(n) * self._drive + np.float32(0.15))
        driven -= np.tanh(np.float32(0.15))
        boxed, self._state = sosfilt(self._sections, driven, zi=self._state)
        return place(boxed.astype(np.float32) * self._level, self._pan)
