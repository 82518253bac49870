"""The chord voices: three or four notes, wide."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from mula_daemon.engine.mini.notes import HIGHEST_CHORD, LOWEST_CHORD, LOWEST_POWER_CHORD, hertz
from mula_daemon.engine.mini.synth.amplifier import Amplifier
from mula_daemon.engine.mini.synth.envelopes import Envelope
from mula_daemon.engine.mini.synth.fm import ElectricPiano, Tines
from mula_daemon.engine.mini.synth.oscillators import Bend
from mula_daemon.engine.mini.synth.pads import Choir, Ensemble, ensemble_loop
from mula_daemon.engine.mini.synth.sound import Setting, Sound
from mula_daemon.engine.mini.synth.struck import Body, Struck
from mula_daemon.engine.mini.synth.sustained import Spectrum, Sustained, Wind
from mula_daemon.engine.mini.synth.tone import Patch, Tone

PATCHES: Final = {
    "supersaw": Patch(
        Envelope(0.004, 0.25, 0.65, 0.16), resonance=0.5, cutoff=6000, follow=0.4,
        detune=(-17, 11, -5, 0, 6, -11, 19), spread=1.0, level=0.195,
    ),
    "stab": Patch(
        Envelope(0.002, 0.12, 0.0, 0.12), resonance=2.6, cutoff=480, follow=0.3, sweep=2.5,
        sweep_seconds=0.055, detune=(-9, 8), spread=0.7, drive=1.3, level=0.456,
    ),
    "pluck": Patch(
        Envelope(0.002, 0.22, 0.0, 0.2), resonance=1.2, cutoff=520, follow=0.5, sweep=3.0,
        sweep_seconds=0.09, detune=(-10, 9, 0), spread=0.9, level=0.374,
    ),
}  # fmt: skip
ENSEMBLES: Final = {
    "pad": Ensemble(
        Envelope(0.28, 1.0, 1.0, 0.9), tilt=1.1, cutoff=2400, cents=14, octave_up=0.18,
        level=0.089,
    ),
    "strings": Ensemble(
        Envelope(0.11, 1.2, 0.85, 0.35), tilt=0.95, cutoff=3600, cents=9, octave_up=0.3,
        level=0.081,
    ),
}  # fmt: skip
BODIES: Final = {
    "piano": Body(
        decay=1.5, decay_slope=0.6, damping=0.16, count=28, slope=0.75, position=0.12,
        stiffness=3.5e-4, bright=2700, twin=0.7, knock=0.12, knock_hertz=420, release=0.16,
        width=1.0, level=0.161,
    ),
    "guitar": Body(
        decay=0.9, decay_slope=0.35, damping=0.12, count=26, slope=0.8, position=0.19,
        stiffness=6e-5, bright=3400, knock=0.1, knock_hertz=900, knock_seconds=0.006,
        release=0.09, level=0.156,
    ),
    "skank": Body(
        decay=0.16, decay_slope=0.2, damping=0.1, count=22, slope=0.7, position=0.11,
        bright=2800, knock=0.2, knock_hertz=1500, knock_seconds=0.006, release=0.05, drive=1.0,
        width=0.7, level=0.333,
    ),
    "power": Body(
        decay=2.6, decay_slope=0.3, damping=0.05, count=40, slope=0.75, position=0.09,
        stiffness=4e-5, bright=3200, knock=0.3, knock_hertz=1600,
        knock_seconds=0.008, release=0.05, level=0.5,
    ),
}  # fmt: skip
ORGAN: Final = Wind(
    Envelope(0.006, 0.3, 0.9, 0.06),
    body=Spectrum(drawbars=((1, 0.8), (2, 1.0), (3, 0.7), (4, 0.55), (6, 0.25), (8, 0.3))),
    onset=Spectrum(drawbars=((1, 0.6), (2, 1.0), (3, 0.7), (4, 0.6), (6, 1.0), (8, 0.5))),
    melt_seconds=0.07, tremolo=0.34, tremolo_rate=6.3, rotary=True, drive=0.9, level=0.129,
    bend=Bend(vibrato=7, rate=6.3, delay=0.01),
)  # fmt: skip
EPIANO: Final = Tines(Envelope(0.002, 1.0, 1.0, 0.22), tremolo=0.42, level=0.165)
DUSTY: Final = Tines(
    Envelope(0.006, 1.0, 1.0, 0.25), bark=1.3, warmth=0.6, tine=0.08, decay=1.0, tremolo=0.3,
    tremolo_rate=3.1, drive=1.6, level=0.15, bend=Bend(wow=11),
)  # fmt: skip

_STRUM_SECONDS: Final = 0.013
_TAKES: Final = ((-0.85, -4.0), (0.85, 5.0))
"""Power chords are played twice: pan and detuning in cents of each take."""
_POWER_DRIVE: Final = 14.0
_POWER_LEVEL: Final = 0.068


def prepare(sample_rate: int) -> None:
    """Compute the ensembles' loops, which would be too slow at their first note."""
    for ensemble in ENSEMBLES.values():
        for note in range(LOWEST_CHORD, HIGHEST_CHORD + 1):
            ensemble_loop(ensemble, note, sample_rate)


def start_chord(voice: str, notes: Sequence[int], setting: Setting) -> list[Sound]:
    """Start a chord of MIDI notes: the sounds that it is made of."""
    hz = [hertz(note) for note in notes]
    rate = setting.sample_rate
    if voice in PATCHES:
        return [Tone(PATCHES[voice], hz, setting)]
    if voice in ENSEMBLES:
        return [Choir(ENSEMBLES[voice], notes, setting)]
    if voice == "guitar":
        return [_strum(notes, setting)]
    if voice == "power":
        takes = [[f * 2.0 ** (cents / 1200.0) for f in hz] for _, cents in _TAKES]
        return [
            Amplifier(Struck(BODIES[voice], take, setting), _POWER_DRIVE, pan, _POWER_LEVEL, rate)
            for take, (pan, _) in zip(takes, _TAKES, strict=True)
        ]
    if voice in BODIES:
        return [Struck(BODIES[voice], hz, setting)]
    if voice == "organ":
        return [Sustained(ORGAN, hz, setting)]
    return [ElectricPiano(EPIANO if voice == "epiano" else DUSTY, hz, setting)]


def _strum(notes: Sequence[int], setting: Setting) -> Struck:
    """A guitar: the chord with its lowest note doubled below, one string after another."""
    strings = [notes[0] - 12, *notes] if notes[0] - 12 >= LOWEST_POWER_CHORD else list(notes)
    pans = [-0.4 + 0.8 * i / (len(strings) - 1) for i in range(len(strings))]
    if setting.rng.random() < 0.4:
        strings.reverse()
        pans.reverse()
    between = _STRUM_SECONDS * setting.sample_rate * setting.rng.uniform(0.7, 1.2)
    waits = [int(i * between) for i in range(len(strings))]
    return Struck(BODIES["guitar"], [hertz(note) for note in strings], setting, pans, waits)
