"""Everything else that is struck: toms, congas, cymbals, bells, effects."""

from __future__ import annotations

from typing import Final

import numpy as np

from mula_daemon.engine.mini.synth.drum_parts import Wave, Workshop, driven, later, mixed
from mula_daemon.engine.mini.synth.hats import metal_modes, squares

TOMS: Final = {"tom_high": 185.0, "tom_mid": 132.0, "tom_low": 92.0}
CONGAS: Final = {"conga_high": 330.0, "conga_low": 218.0}


def make_percussion(voice: str, shop: Workshop) -> Wave:
    """The one-shot of a percussion voice, mono."""
    if voice in TOMS:
        return _tom(shop, TOMS[voice])
    if voice in CONGAS:
        return _conga(shop, CONGAS[voice])
    match voice:
        case "rimshot":
            ring = shop.ring(0.12, [495.0, 1660.0, 2230.0], [0.7, 1.0, 0.4], [0.012, 0.008, 0.006])
            return driven(mixed(ring, 0.7 * shop.noise(0.03, 1500.0, 9000.0, 0.004)), 2.2)
        case "tambourine":
            return _tambourine(shop)
        case "cowbell":
            return _cowbell(shop)
        case "crash":
            return crash(shop)
        case "reverse":
            # The player starts inside it, so that it ends on the beat.
            return crash(shop)[::-1].copy()
        case "impact":
            return _impact(shop)
        case "cabasa":
            scrape = shop.noise(0.11, 6000.0, 15000.0, 0.02, attack=0.006)
            return scrape * (1.0 + 0.5 * np.sign(np.sin(2 * np.pi * 190.0 * shop.seconds(0.11))))
        case "snap":
            return _snap(shop)
        case "wood":
            block = shop.ring(0.12, [905.0, 1385.0, 2260.0], [1.0, 0.5, 0.2], [0.022, 0.014, 0.006])
            return mixed(block, 0.3 * shop.noise(0.01, 2000.0, 8000.0, 0.001))
        case "bleep":
            t = shop.seconds(0.16)
            index = 2.2 * np.exp(-t / 0.03)
            turn = 2.0 * np.pi * 1174.7 * t
            return np.sin(turn + index * np.sin(1.5 * turn)) * np.exp(-t / 0.04)
        case "tick":
            return mixed(
                shop.ring(0.04, [5200.0, 7100.0], [0.8, 0.5], [0.003, 0.002]),
                0.5 * shop.noise(0.02, 6000.0, 16000.0, 0.0012),
            )
    raise KeyError(voice)


def crash(shop: Workshop) -> Wave:
    """A crash cymbal of two seconds."""
    hertz = metal_modes(shop, 520, 900.0, 17000.0)
    decays = 0.75 * (3000.0 / hertz) ** 0.4 * shop.rng.uniform(0.5, 1.5, len(hertz))
    modes = shop.ring(2.0, hertz, shop.rng.uniform(0.3, 1.0, len(hertz)) * 0.08, decays)
    burst = shop.noise(2.0, 3000.0, 16000.0, 0.28)
    t = shop.seconds(2.0)
    # A cymbal needs some milliseconds until its high modes are excited.
    return (mixed(modes, 0.4 * burst) * (1.0 - 0.4 * np.exp(-t / 0.012))) * np.minimum(
        (2.0 - t) / 0.4, 1.0
    )


def _tom(shop: Workshop, hertz: float) -> Wave:
    length = 0.55
    t = shop.seconds(length)
    skin = shop.fall(length, hertz * 1.6, hertz, 0.035) * np.exp(-t / (14.0 / hertz + 0.05))
    modes = shop.ring(length, [hertz * 1.59, hertz * 2.14], [0.25, 0.15], [0.07, 0.05])
    stick = shop.noise(0.04, 1200.0, 7000.0, 0.005)
    return shop.room(driven(mixed(skin, modes, 0.3 * stick), 1.3), 0.3, 0.14, 150.0, 5000.0)


def _conga(shop: Workshop, hertz: float) -> Wave:
    t = shop.seconds(0.35)
    skin = shop.fall(0.35, hertz * 1.18, hertz, 0.012) * np.exp(-t / 0.065)
    slap = shop.ring(0.15, [hertz * 2.4, hertz * 3.3, hertz * 4.6], [0.3, 0.22, 0.15], 0.018)
    palm = shop.noise(0.03, 1000.0, 6000.0, 0.004)
    return mixed(skin, slap, 0.25 * palm)


def _tambourine(shop: Workshop) -> Wave:
    jingles = []
    for shake, level in ((0.0, 1.0), (0.021, 0.45), (0.05, 0.25)):
        hertz = shop.rng.uniform(5200.0, 14500.0, 90)
        ring = shop.ring(0.26, hertz, level * 0.13, shop.rng.uniform(0.015, 0.07, 90))
        jingles.append(later(ring, int(shake * shop.sample_rate)))
    return mixed(*jingles, 0.25 * shop.noise(0.05, 3000.0, 9000.0, 0.006))


def _cowbell(shop: Workshop) -> Wave:
    t = shop.seconds(0.4)
    hertz = np.concatenate([pitch * np.arange(1, 24, 2) for pitch in (540.0, 800.0)])
    levels = np.concatenate([1.0 / np.arange(1, 24, 2)] * 2)
    metal = shop.band(shop.ring(0.4, hertz, levels, 1e3), 480.0, 3800.0)[: len(t)]
    return metal * (0.7 * np.exp(-t / 0.018) + 0.45 * np.exp(-t / 0.09))


def _impact(shop: Workshop) -> Wave:
    length = 2.2
    t = shop.seconds(length)
    boom = shop.fall(length, 95.0, 36.0, 0.18) * np.exp(-t / 0.5)
    air = shop.noise(length, 250.0, 5000.0, 0.45, attack=0.003)
    return driven(mixed(boom, 0.22 * air, 0.3 * squares(shop, length, 800.0, 4000.0)
                        * np.exp(-t / 0.12)), 1.4)  # fmt: skip


def _snap(shop: Workshop) -> Wave:
    slide = shop.noise(0.03, 1500.0, 5000.0, 0.01, attack=0.02)
    click = later(shop.noise(0.12, 1300.0, 6500.0, 0.011), int(0.02 * shop.sample_rate))
    return shop.room(driven(mixed(0.3 * slide, click), 1.6), 0.3, 0.2, 900.0, 8000.0)
