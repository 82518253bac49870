"""Bass drums: a tone that falls to its pitch, a body and a click."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.signal import fftconvolve

from mula_daemon.engine.mini.synth.drum_parts import Wave, Workshop, driven, later, mixed


@dataclass(frozen=True, slots=True)
class Kick:
    """The tone falls from ``start`` to ``pitch`` Hz by ``drop`` and dies by ``decay`` seconds.

    ``hold`` keeps it up before it dies; ``click`` is the level of a burst
    between ``click_low`` and ``click_high`` Hz; ``beater`` of a mode at 2 to
    4 kHz, as a felt or a plastic beater gives; ``body`` of a mode of the shell.
    """

    pitch: float
    start: float
    drop: float
    decay: float
    length: float
    hold: float = 0.0
    drive: float = 1.2
    click: float = 0.2
    click_low: float = 1500.0
    click_high: float = 9000.0
    click_decay: float = 0.003
    beater: float = 0.0
    body: float = 0.0
    body_hertz: float = 140.0
    top: float = 20000.0


KICKS: Final = {
    "techno": Kick(48, 260, 0.020, 0.13, 0.62, hold=0.05, drive=2.4, click=0.28),
    "house": Kick(52, 300, 0.014, 0.085, 0.34, hold=0.045, drive=1.5, click=0.30,
                  click_low=2200),
    "trance": Kick(50, 420, 0.013, 0.10, 0.38, hold=0.06, drive=2.0, click=0.5,
                   click_low=3000, click_high=14000, click_decay=0.004),
    "808": Kick(47, 130, 0.018, 0.42, 1.6, drive=1.3, click=0.06, click_low=800),
    "dnb": Kick(56, 330, 0.016, 0.065, 0.26, hold=0.025, drive=2.0, click=0.45, body=0.35,
                body_hertz=185),
    "dub": Kick(46, 120, 0.022, 0.17, 0.6, hold=0.03, drive=1.1, click=0.03, top=1200),
    "rock": Kick(58, 170, 0.016, 0.10, 0.5, drive=1.4, click=0.25, click_low=2500,
                 beater=0.35, body=0.25, body_hertz=110),
    "metal": Kick(55, 210, 0.010, 0.07, 0.3, drive=1.8, click=0.8, click_low=3500,
                  click_high=11000, click_decay=0.005, beater=0.7),
    "jazz": Kick(68, 110, 0.018, 0.14, 0.5, drive=0.7, click=0.05, click_low=600,
                 click_high=2500, body=0.35, body_hertz=145, top=3000),
    "pop": Kick(54, 240, 0.014, 0.10, 0.4, hold=0.03, drive=1.4, click=0.28, beater=0.15),
    "lofi": Kick(57, 190, 0.017, 0.09, 0.36, hold=0.02, drive=2.2, click=0.2, top=3200),
    "funk": Kick(64, 190, 0.012, 0.075, 0.32, drive=1.3, click=0.25, beater=0.35, body=0.3,
                 body_hertz=120),
}  # fmt: skip


def make_kick(voice: str, shop: Workshop) -> Wave:
    """The one-shot of a kick voice, mono."""
    kick = KICKS[voice]
    t = shop.seconds(kick.length)
    loudness = np.exp(-np.maximum(t - kick.hold, 0.0) / kick.decay)
    wave = shop.fall(kick.length, kick.start, kick.pitch, kick.drop) * loudness
    if kick.body:
        wave = mixed(wave, shop.ring(0.2, [kick.body_hertz, kick.body_hertz * 1.59],
                                     [kick.body, kick.body * 0.4], [0.05, 0.03]))  # fmt: skip
    wave = driven(wave, kick.drive)
    click = shop.noise(0.04, kick.click_low, kick.click_high, kick.click_decay)
    wave = mixed(wave, kick.click * click)
    if kick.beater:
        hertz = np.array([1900.0, 2800.0, 3700.0, 5200.0])
        wave = mixed(wave, kick.beater * shop.ring(0.05, hertz, [0.5, 0.6, 0.5, 0.3], 0.005))
    if kick.top < 20000.0:
        wave = shop.band(wave, 0.0, kick.top)
    if voice == "techno":
        wave = mixed(wave, _rumble(wave, shop))
    if voice in ("rock", "jazz", "funk"):
        wave = shop.room(wave, 0.25, 0.10, 90.0, 4000.0)
    if voice == "lofi":
        wave = shop.band(shop.grain(wave, 22000.0, 9), 0.0, 4000.0)
    return wave


def _rumble(kick: Wave, shop: Workshop) -> Wave:
    """The low tail of a techno kick: its own echoes in a dark room, after the beat."""
    tail = shop.noise(0.5, 38.0, 130.0, 0.22, attack=0.05)
    tail /= np.sqrt(np.sum(tail**2))
    wet = fftconvolve(kick[: int(0.15 * shop.sample_rate)], tail)
    wet = shop.band(wet, 38.0, 95.0)
    return later(0.16 * driven(wet / np.max(np.abs(wet)), 1.5), int(0.09 * shop.sample_rate))
