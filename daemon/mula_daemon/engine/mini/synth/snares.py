"""Snares, claps and rims: a skin, its wires, or many hands."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from mula_daemon.engine.mini.synth.drum_parts import Wave, Workshop, driven, later, mixed


@dataclass(frozen=True, slots=True)
class Snare:
    """Two modes of the skin at ``pitch`` and ``pitch * ratio`` Hz and a band of noise.

    ``bend`` is how far above its pitch the skin starts (1 is an octave);
    ``ring`` the level of a higher overtone; ``room`` seconds of ambience.
    """

    pitch: float
    skin: float
    skin_decay: float
    wires: float
    wires_decay: float
    length: float
    low: float = 1200.0
    high: float = 12000.0
    ratio: float = 1.7
    bend: float = 0.5
    snap: float = 0.3
    ring: float = 0.0
    drive: float = 1.2
    room: float = 0.0
    room_level: float = 0.0


@dataclass(frozen=True, slots=True)
class Clap:
    """Hands that clap ``gap`` seconds apart, then the room: noise around ``hertz``."""

    hertz: float
    low: float
    high: float
    gap: float
    hands: int
    decay: float
    length: float


SNARES: Final = {
    "snare909": Snare(182, 0.75, 0.055, 0.55, 0.085, 0.36, low=900, high=14000, bend=0.9),
    "snare808": Snare(176, 0.8, 0.075, 0.34, 0.06, 0.3, low=1800, high=9000, bend=0.12,
                      ratio=1.85, snap=0.15, drive=0.9),
    "dnb": Snare(205, 0.9, 0.06, 0.65, 0.075, 0.32, low=1600, high=15000, bend=0.7, snap=0.7,
                 drive=2.0, room=0.2, room_level=0.12),
    "dubstep": Snare(188, 1.0, 0.085, 0.7, 0.12, 0.55, low=900, high=13000, bend=0.6, snap=0.6,
                     drive=2.3, room=0.55, room_level=0.3),
    "rock": Snare(192, 0.75, 0.09, 0.55, 0.12, 0.5, low=1400, high=10000, bend=0.25, snap=0.55,
                  ring=0.14, drive=1.4, room=0.42, room_level=0.28),
    "metal": Snare(225, 0.8, 0.055, 0.6, 0.075, 0.36, low=1800, high=12000, bend=0.3, snap=0.9,
                   ring=0.16, drive=2.2, room=0.3, room_level=0.16),
    "pop": Snare(198, 0.65, 0.06, 0.5, 0.09, 0.36, low=1500, high=13000, bend=0.5, snap=0.45,
                 drive=1.3, room=0.25, room_level=0.16),
    "lofi": Snare(186, 0.75, 0.06, 0.55, 0.075, 0.3, low=700, high=5200, bend=0.3, drive=2.2),
    "funk": Snare(262, 0.7, 0.05, 0.55, 0.08, 0.32, low=2000, high=11000, bend=0.15, snap=0.6,
                  ring=0.3, drive=1.2, room=0.16, room_level=0.1),
    "garage": Snare(232, 0.5, 0.03, 0.6, 0.05, 0.24, low=2400, high=15000, bend=0.4, snap=0.8,
                    drive=1.6),
}  # fmt: skip
CLAPS: Final = {
    "clap909": Clap(1250, 700, 6500, 0.0105, 4, 0.075, 0.42),
    "clap808": Clap(1000, 600, 2600, 0.0095, 3, 0.11, 0.5),
}


def make_snare(voice: str, shop: Workshop) -> Wave:
    """The one-shot of a snare voice, mono."""
    if voice in CLAPS:
        return _clap(CLAPS[voice], shop)
    if voice == "brush":
        return _brush(shop)
    if voice == "rim":
        return _rim(shop)
    wave = _snare(SNARES[voice], shop)
    if voice in ("pop", "garage"):
        # Layered, as records have it: the snare for its weight, hands for its width.
        hands = _clap(CLAPS["clap909"], shop)[: len(wave)]
        wave = mixed(wave, (0.45 if voice == "pop" else 0.6) * hands)
    if voice == "lofi":
        wave = shop.band(shop.grain(wave, 20000.0, 8), 120.0, 5500.0)
    return wave


def _snare(snare: Snare, shop: Workshop) -> Wave:
    t = shop.seconds(snare.length)
    start = snare.pitch * 2.0**snare.bend
    low = shop.fall(snare.length, start, snare.pitch, 0.012)
    high = shop.fall(snare.length, start * snare.ratio, snare.pitch * snare.ratio, 0.009)
    skin = low * np.exp(-t / snare.skin_decay) + 0.5 * high * np.exp(-t / (0.6 * snare.skin_decay))
    # Wires rattle a moment after the stick, and in two decays: a crack, then a hiss.
    crack = shop.noise(snare.length, snare.low, snare.high, 0.25 * snare.wires_decay)
    hiss = shop.noise(snare.length, 1.3 * snare.low, snare.high, snare.wires_decay, attack=0.002)
    wave = snare.skin * 0.7 * skin + snare.wires * (0.45 * crack + 0.5 * hiss)
    stick = shop.noise(0.03, 2500.0, 12000.0, 0.0025)
    wave = mixed(wave, snare.snap * 0.6 * stick)
    if snare.ring:
        modes = snare.pitch * np.array([2.3, 2.92, 3.5])
        wave = mixed(wave, shop.ring(snare.length, modes, snare.ring, [0.1, 0.07, 0.05]))
    wave = driven(wave, snare.drive)
    if snare.room:
        wave = shop.room(wave, snare.room, snare.room_level, 180.0, 7000.0)
    return wave


def _clap(clap: Clap, shop: Workshop) -> Wave:
    gap = int(clap.gap * shop.sample_rate)
    hands = [
        later(shop.noise(0.03, clap.low, clap.high, 0.0045), hand * gap)
        for hand in range(clap.hands - 1)
    ]
    last = shop.noise(clap.length, clap.low, clap.high, 0.012)
    room = 0.42 * shop.noise(clap.length, 0.9 * clap.low, clap.high, clap.decay)
    wave = mixed(*hands, later(last + room, (clap.hands - 1) * gap))
    # The band of cupped hands.
    peak = shop.band(wave, clap.hertz / 1.35, clap.hertz * 1.35)
    return driven(0.55 * wave + 1.3 * peak, 1.1)


def _brush(shop: Workshop) -> Wave:
    sweep = shop.noise(0.34, 1400.0, 7500.0, 0.08, attack=0.022)
    tap = shop.noise(0.05, 700.0, 5000.0, 0.006)
    skin = shop.ring(0.2, [195.0, 318.0], [0.3, 0.18], [0.05, 0.035])
    return mixed(0.8 * sweep, 0.7 * tap, skin)


def _rim(shop: Workshop) -> Wave:
    modes = shop.ring(0.15, [430.0, 1010.0, 1690.0, 2680.0], [0.5, 0.5, 1.0, 0.5],
                      [0.016, 0.012, 0.010, 0.006])  # fmt: skip
    stick = shop.noise(0.02, 2500.0, 10000.0, 0.0015)
    return shop.room(driven(mixed(modes, 0.5 * stick), 1.5), 0.18, 0.1, 400.0, 6000.0)
