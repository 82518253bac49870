"""Hi-hats, ride and shakers: metal as dense modes, and noise."""

from __future__ import annotations

from typing import Final

import numpy as np

from mula_daemon.engine.mini.synth.drum_parts import Wave, Workshop, driven, mixed

SQUARES: Final = (205.3, 304.4, 369.6, 522.7, 540.0, 800.0)
"""The oscillators of the TR-808's cymbals in Hz, from its service notes."""


def make_hat(voice: str, shop: Workshop) -> Wave:
    """The one-shot of a hat voice, mono; the roll is played from "closed808"."""
    match voice:
        case "closed909":
            return _hat909(shop, 0.028, 0.14)
        case "open909":
            return _hat909(shop, 0.17, 0.6)
        case "closed808" | "roll808":
            return _hat808(shop, 0.022, 0.12)
        case "open808":
            return _hat808(shop, 0.16, 0.55)
        case "closed_acoustic":
            return _cymbals(shop, 0.03, 0.2, 320, 4200.0, stick=0.5)
        case "open_acoustic":
            return _cymbals(shop, 0.26, 0.9, 420, 3400.0, stick=0.4)
        case "ride":
            return _ride(shop)
        case "shaker":
            return _shaker(shop)
        case "lofi":
            hat = _cymbals(shop, 0.022, 0.14, 200, 3000.0, stick=0.4)
            return shop.band(shop.grain(hat, 16000.0, 7), 2500.0, 8500.0)
        case "dnb":
            crisp = shop.noise(0.12, 7500.0, 20000.0, 0.016)
            return driven(mixed(0.8 * crisp, 0.6 * _cymbals(shop, 0.02, 0.12, 260, 6000.0)), 1.4)
        case "pop":
            tight = shop.noise(0.1, 9000.0, 20000.0, 0.014)
            return mixed(0.6 * tight, 0.8 * _hat909(shop, 0.018, 0.1))
    raise KeyError(voice)


def squares(shop: Workshop, length: float, low: float, high: float) -> Wave:
    """The 808's six square waves between two frequencies, built of sines: no aliasing."""
    hertz, levels = [], []
    for square in SQUARES:
        harmonic = np.arange(1, int(0.45 * shop.sample_rate / square) + 1, 2)
        hertz.append(square * harmonic)
        levels.append(1.0 / harmonic)
    metal = shop.ring(length, np.concatenate(hertz), np.concatenate(levels), 1e3)
    return shop.band(metal, low, high, order=3)


def metal_modes(shop: Workshop, count: int, low: float, high: float) -> Wave:
    """Frequencies of a cymbal's many modes: random, denser towards the top."""
    return low * (high / low) ** np.sqrt(shop.rng.random(count))


def _hat808(shop: Workshop, decay: float, length: float) -> Wave:
    t = shop.seconds(length)
    metal = squares(shop, length, 7000.0, 20000.0)[: len(t)] * np.exp(-t / decay)
    hiss = shop.noise(length, 8000.0, 18000.0, 0.8 * decay)
    return mixed(3.0 * metal, 0.12 * hiss)


def _hat909(shop: Workshop, decay: float, length: float) -> Wave:
    body = _cymbals(shop, decay, length, 380, 5200.0)
    hiss = shop.noise(length, 7000.0, 17000.0, 0.9 * decay)
    # Six-bit samples made the 909's cymbals: their grit is part of the sound.
    return shop.band(shop.grain(mixed(0.7 * body, 0.5 * hiss), 32000.0, 7), 5500.0, 20000.0)


def _cymbals(
    shop: Workshop, decay: float, length: float, count: int, low: float, stick: float = 0.2
) -> Wave:
    hertz = metal_modes(shop, count, low, 17500.0)
    levels = shop.rng.uniform(0.3, 1.0, count) / np.sqrt(count) * 2.0
    decays = decay * (low / hertz) ** 0.3 * shop.rng.uniform(0.5, 1.6, count)
    ring = shop.ring(length, hertz, levels, decays)
    tick = shop.noise(0.02, 5000.0, 16000.0, 0.0018)
    return shop.band(mixed(ring, stick * tick), 0.8 * low, 20000.0)


def _ride(shop: Workshop) -> Wave:
    wash = _cymbals(shop, 0.55, 1.6, 360, 3000.0)
    ping = shop.ring(1.0, [2890.0, 3720.0, 4480.0, 5630.0, 6940.0], [0.5, 0.7, 0.55, 0.5, 0.35],
                     [0.28, 0.2, 0.22, 0.14, 0.1])  # fmt: skip
    bell = shop.ring(1.2, [780.0, 1240.0], [0.10, 0.12], [0.4, 0.3])
    stick = shop.noise(0.03, 4000.0, 14000.0, 0.003)
    return mixed(0.45 * wash, 0.55 * ping, bell, 0.5 * stick)


def _shaker(shop: Workshop) -> Wave:
    forward = shop.noise(0.14, 5000.0, 13000.0, 0.028, attack=0.018)
    back = shop.noise(0.1, 6000.0, 12000.0, 0.02, attack=0.03)
    return mixed(forward, 0.35 * np.concatenate([np.zeros(int(0.035 * shop.sample_rate)), back]))
