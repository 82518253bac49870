"""The lead voices: one note at a time."""

from __future__ import annotations

from typing import Final

from mula_daemon.engine.mini.notes import hertz
from mula_daemon.engine.mini.synth.amplifier import Amplifier
from mula_daemon.engine.mini.synth.envelopes import Envelope
from mula_daemon.engine.mini.synth.fm import ElectricPiano, Tines
from mula_daemon.engine.mini.synth.oscillators import Bend
from mula_daemon.engine.mini.synth.sound import Setting, Sound
from mula_daemon.engine.mini.synth.struck import Body, Struck
from mula_daemon.engine.mini.synth.sustained import Formant, Spectrum, Sustained, Wind
from mula_daemon.engine.mini.synth.tone import Patch, Tone

PATCHES: Final = {
    "saw": Patch(
        Envelope(0.006, 0.5, 0.75, 0.18), resonance=0.8, cutoff=4200, follow=0.6, sweep=1.0,
        sweep_seconds=0.18, detune=(-14, 9, 0, -5, 16), spread=0.7, level=0.174,
        bend=Bend(vibrato=14),
    ),
    "pluck": Patch(
        Envelope(0.002, 0.16, 0.0, 0.16), resonance=1.6, cutoff=700, follow=0.7, sweep=3.4,
        sweep_seconds=0.06, detune=(-8, 7), spread=0.5, level=0.381,
    ),
    "square": Patch(
        Envelope(0.004, 0.4, 0.7, 0.06), wave="square", resonance=0.4, cutoff=3000, follow=0.8,
        level=0.105, bend=Bend(vibrato=16, rate=6.0, delay=0.25),
    ),
    "acid": Patch(
        Envelope(0.002, 0.3, 0.4, 0.04), wave="square", resonance=3.5, cutoff=1300, follow=0.3,
        sweep=2.7, sweep_seconds=0.14, drive=1.8, level=0.11, bend=Bend(scoop_seconds=0.03),
    ),
    "brass": Patch(
        Envelope(0.03, 0.5, 0.8, 0.09), resonance=0.5, cutoff=3000, follow=0.6, sweep=-2.4,
        sweep_seconds=0.045, detune=(-8, 7, 0), spread=0.45, drive=0.8, level=0.159,
        bend=Bend(vibrato=11, rate=5.0, scoop=-45, scoop_seconds=0.035),
    ),
    "distorted": Patch(
        Envelope(0.003, 2.5, 0.5, 0.06), wave="pulse", resonance=0.6, cutoff=2400, follow=0.5,
        sweep=0.9, sweep_seconds=0.12, level=0.5,
        bend=Bend(vibrato=26, rate=5.8, delay=0.3, scoop=-30, scoop_seconds=0.02),
    ),
}  # fmt: skip
WINDS: Final = {
    "sax": Wind(
        Envelope(0.025, 0.4, 0.8, 0.08),
        body=Spectrum(slope=0.75, formants=(
            Formant(650, 420, 0.8), Formant(1400, 600, 1.0), Formant(3100, 1500, 0.6),
        )),
        onset=Spectrum(slope=1.6, formants=(Formant(600, 400, 1.0),)),
        melt_seconds=0.05, breath=0.08, level=0.118,
        bend=Bend(vibrato=20, rate=5.1, delay=0.4, scoop=-70, scoop_seconds=0.04),
    ),
    "flute": Wind(
        Envelope(0.045, 0.5, 0.85, 0.1),
        body=Spectrum(drawbars=((1, 1.0), (2, 0.32), (3, 0.12), (4, 0.03))),
        onset=Spectrum(drawbars=((1, 0.5), (2, 0.6), (3, 0.25), (4, 0.1))),
        melt_seconds=0.04, breath=0.15, tremolo=0.13, tremolo_rate=4.9, level=0.105,
        bend=Bend(vibrato=9, rate=4.9, scoop=-25),
    ),
    "voice": Wind(
        Envelope(0.06, 0.6, 0.9, 0.16),
        body=Spectrum(slope=1.15, formants=(
            Formant(760, 90, 1.0), Formant(1180, 110, 0.6), Formant(2750, 170, 0.45),
            Formant(3500, 250, 0.22), Formant(500, 900, 0.12),
        )),
        onset=Spectrum(slope=1.3, formants=(
            Formant(360, 80, 1.0), Formant(850, 100, 0.35), Formant(2500, 200, 0.12),
        )),
        melt_seconds=0.09, breath=0.05, level=0.109,
        bend=Bend(vibrato=30, rate=5.3, delay=0.3, scoop=-40, scoop_seconds=0.05),
    ),
}  # fmt: skip
BODIES: Final = {
    "bell": Body(
        decay=1.5, decay_slope=0.25, release=0.9, level=0.113, width=0.4, ratios=(
            (0.5, 0.25, 1.2), (1.0, 1.0, 1.0), (1.19, 0.35, 0.6), (2.0, 0.6, 0.55),
            (2.74, 0.5, 0.4), (3.76, 0.3, 0.28), (5.4, 0.3, 0.2), (8.9, 0.15, 0.08),
        ),
    ),
    "vibes": Body(
        decay=1.3, decay_slope=0.35, release=0.35, tremolo=0.3, tremolo_rate=5.2, level=0.129,
        knock=0.12, knock_hertz=900, knock_seconds=0.008,
        ratios=((1.0, 1.0, 1.0), (3.98, 0.22, 0.28), (10.4, 0.12, 0.06)),
    ),
}  # fmt: skip
EPIANO: Final = Tines(
    Envelope(0.002, 1.0, 1.0, 0.14), bark=1.7, tine=0.32, tine_seconds=0.12, decay=1.3,
    tremolo=0.2, level=0.162,
)  # fmt: skip

_GLIDING: Final = ("acid", "square", "voice")


def start_lead(voice: str, note: int, before: int | None, setting: Setting) -> Sound:
    """Start a lead voice on a MIDI note, slurred from ``before`` if one was held."""
    hz = hertz(note)
    glide = 100.0 * (before - note) if before is not None and voice in _GLIDING else 0.0
    if voice in BODIES:
        return Struck(BODIES[voice], [hz], setting)
    if voice in WINDS:
        return Sustained(WINDS[voice], [hz], setting, glide)
    if voice == "epiano":
        return ElectricPiano(EPIANO, [hz], setting)
    tone = Tone(PATCHES[voice], [hz], setting, glide=glide)
    if voice == "distorted":
        return Amplifier(tone, drive=9.0, pan=0.1, level=0.107, rate=setting.sample_rate)
    return tone
