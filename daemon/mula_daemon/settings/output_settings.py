"""How an audio output is asked for."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class OutputSettings:
    """Which interface, and how. ``device`` as for ``choose``; empty: the system's default.

    ``latency`` is PortAudio's: "low", "high" or seconds. ``pair`` are the two output channels
    to play on, counted from 1; an interface with one channel hears the mean.
    """

    device: str = ""
    latency: float | str = "high"
    pair: tuple[int, int] = (1, 2)
