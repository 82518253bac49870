"""Drums whose beats are known, for whoever has to find them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mula_daemon.audio.samples import Samples

RATE = 48_000


def drums(times: Sequence[float], seconds: float, *, noise: float = 0.0) -> Samples:
    """A kick on each of ``times``, the first and every fourth a heavy one; a hat between each two.

    float32 [n, 2] at 48 kHz, with ``noise`` (rms) below.
    """
    rng = np.random.default_rng(1)
    sound = noise * rng.standard_normal(round(seconds * RATE))
    t = np.arange(round(0.25 * RATE)) / RATE
    kick = np.sin(2 * np.pi * (50 * t + 6 * (1 - np.exp(-t * 40)))) * np.exp(-t * 14)
    hat = rng.standard_normal(len(t)) * np.exp(-t * 90)
    for number, time in enumerate(times):
        _add(sound, time, kick * (0.8 if number % 4 == 0 else 0.4))
        if number + 1 < len(times):
            _add(sound, (time + times[number + 1]) / 2, 0.1 * hat)
    return np.stack([sound, sound], axis=1).astype(np.float32)


def steady(bpm: float, first: float, seconds: float) -> list[float]:
    """Times of beats."""
    return list(np.arange(first, seconds - 0.3, 60 / bpm))


def _add(sound: np.ndarray, time: float, hit: np.ndarray) -> None:
    at = round(time * RATE)
    if at >= 0:
        part = sound[at : at + len(hit)]
        part += hit[: len(part)]
