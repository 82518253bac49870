"""The bass voices: always in the middle, one note at a time."""

from __future__ import annotations

from typing import Final

import numpy as np

from mula_daemon.engine.mini.notes import hertz
from mula_daemon.engine.mini.synth.audio import Samples
from mula_daemon.engine.mini.synth.envelopes import Envelope
from mula_daemon.engine.mini.synth.oscillators import Bend
from mula_daemon.engine.mini.synth.sound import Setting, Sound
from mula_daemon.engine.mini.synth.struck import Body, Struck
from mula_daemon.engine.mini.synth.sustained import Spectrum, Sustained, Wind
from mula_daemon.engine.mini.synth.tone import Motion, Patch, Tone

PATCHES: Final = {
    "sub": Patch(
        Envelope(0.006, 0.5, 0.85, 0.05), wave="triangle", resonance=0.0, cutoff=260, follow=0.2,
        drive=0.8, level=0.17, bend=Bend(scoop_seconds=0.035),
    ),
    "acid": Patch(
        Envelope(0.002, 0.35, 0.35, 0.03), resonance=3.55, cutoff=420, follow=0.25, sweep=2.3,
        sweep_seconds=0.11, drive=1.6, level=0.164, bend=Bend(scoop_seconds=0.03),
    ),
    "reese": Patch(
        Envelope(0.01, 1.0, 1.0, 0.07), resonance=1.2, cutoff=900, follow=0.2,
        detune=(-19, 17, -4), drive=1.5, sub=0.55, level=0.089,
    ),
    "808": Patch(
        Envelope(0.002, 0.55, 0.22, 0.09), wave="sine", resonance=0.0, cutoff=4000, drive=1.9,
        level=0.157, bend=Bend(scoop=900, scoop_seconds=0.022),
    ),
    "dub": Patch(
        Envelope(0.012, 0.9, 0.6, 0.08), wave="triangle", resonance=0.6, cutoff=190, follow=0.3,
        sub=0.6, level=0.18,
    ),
    "synth": Patch(
        Envelope(0.003, 0.22, 0.55, 0.04), resonance=1.6, cutoff=900, follow=0.4, sweep=2.2,
        sweep_seconds=0.08, detune=(-7, 6), drive=0.9, sub=0.45, level=0.249,
    ),
    "wobble": Patch(
        Envelope(0.006, 1.0, 1.0, 0.05), resonance=2.2, cutoff=330, follow=0.0,
        detune=(-11, 9, 0), drive=3.0, sub=0.7, level=0.109,
    ),
}  # fmt: skip
ORGAN: Final = Wind(
    Envelope(0.003, 0.16, 0.55, 0.04),
    body=Spectrum(drawbars=((1, 1.0), (2, 0.75), (3, 0.5), (4, 0.12))),
    onset=Spectrum(drawbars=((1, 1.0), (2, 0.9), (3, 0.7), (4, 0.5), (6, 0.5), (8, 0.35))),
    melt_seconds=0.05,
    drive=0.9,
    level=0.161,
)
BODIES: Final = {
    "electric": Body(
        decay=0.55, decay_slope=0.35, damping=0.22, count=26, slope=1.05, position=0.17,
        bright=900, knock=0.12, knock_hertz=260, release=0.07, drive=1.0, level=0.143,
    ),
    "picked": Body(
        decay=0.5, decay_slope=0.3, damping=0.09, count=44, slope=0.85, position=0.09,
        bright=2300, knock=0.35, knock_hertz=1800, knock_seconds=0.005, release=0.05, drive=1.5,
        level=0.149,
    ),
    "upright": Body(
        decay=0.34, decay_slope=0.45, damping=0.35, count=18, slope=1.3, position=0.28,
        bright=800, twin=2.5, knock=0.3, knock_hertz=170, knock_seconds=0.02, attack=0.006,
        release=0.1, level=0.174,
    ),
    "slap": Body(
        decay=0.42, decay_slope=0.35, damping=0.05, count=60, slope=0.7, position=0.06,
        stiffness=4e-5, bright=3600, knock=0.8, knock_hertz=2400, knock_seconds=0.006,
        release=0.04, drive=1.3, level=0.189,
    ),
}  # fmt: skip

_ACCENT_LEAP: Final = 5
"""An acid line is accented where it leaps so many semitones up, and sometimes by chance."""
_ACCENT_CHANCE: Final = 0.25
_GLIDING: Final = ("acid", "808", "sub")
_WOBBLES_PER_BEAT: Final = (2.0, 3.0, 4.0, 1.5)


def start_bass(voice: str, note: int, before: int | None, setting: Setting) -> Sound:
    """Start a bass voice on a MIDI note.

    ``before`` is the note it slurs from, None when nothing was held: the acid
    and 808 voices glide from it.
    """
    hz = hertz(note)
    if voice in BODIES:
        return Struck(BODIES[voice], [hz], setting)
    if voice == "organ":
        return Sustained(ORGAN, [hz], setting)
    patch = PATCHES[voice]
    glide = 100.0 * (before - note) if before is not None and voice in _GLIDING else 0.0
    if voice == "acid":
        leap = before is not None and note - before >= _ACCENT_LEAP
        if leap or setting.rng.random() < _ACCENT_CHANCE:
            patch = ACCENTED
    return Tone(patch, [hz], setting, _motion(voice, note, setting), glide)


ACCENTED: Final = Patch(
    Envelope(0.001, 0.3, 0.4, 0.03), resonance=3.75, cutoff=520, follow=0.25, sweep=3.1,
    sweep_seconds=0.075, drive=2.2, level=0.204, bend=Bend(scoop_seconds=0.03),
)  # fmt: skip


def _motion(voice: str, note: int, setting: Setting) -> Motion | None:
    if voice == "wobble":
        # The rate belongs to the note, so that a bass line plays rhythms too.
        rate = _WOBBLES_PER_BEAT[note % len(_WOBBLES_PER_BEAT)] * setting.bpm / 60.0
        return lambda seconds: _swing(seconds, rate, 0.0, 2.4) + np.float32(1.9)
    if voice == "reese":
        start = float(setting.rng.random())
        return lambda seconds: _swing(seconds, 0.31, start, 0.8)
    return None


def _swing(seconds: Samples, rate: float, start: float, octaves: float) -> Samples:
    turns = np.float32(2.0 * np.pi) * (seconds * np.float32(rate) + np.float32(start - 0.25))
    swing: Samples = np.float32(octaves) * np.sin(turns)
    return swing
