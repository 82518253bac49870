"""Codes in, sound out: a sixteenth at a time."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mula_daemon.engine.mini.synth import bass, chords, lead, texture
from mula_daemon.engine.mini.synth.audio import SAMPLE_RATE, Samples
from mula_daemon.engine.mini.synth.bus import Bus
from mula_daemon.engine.mini.synth.drummer import Drummer
from mula_daemon.engine.mini.synth.drums import one_shots
from mula_daemon.engine.mini.synth.ducking import Ducker
from mula_daemon.engine.mini.synth.grid import Grid
from mula_daemon.engine.mini.synth.kit import Kit
from mula_daemon.engine.mini.synth.part import Part
from mula_daemon.engine.mini.synth.scale import (
    bass_note,
    chord_notes,
    lead_note,
    parse_key,
    power_chord_notes,
)
from mula_daemon.engine.mini.synth.sound import Setting
from mula_daemon.engine.mini.synth.space import Space, hall, room
from mula_daemon.engine.mini.synth.sustained import breath_loop
from mula_daemon.engine.mini.tokens import (
    BASS,
    BASS_VOICES,
    CHORD_VOICES,
    CHORDS,
    DRUM_VOICES,
    HOLD,
    INSTRUMENTS,
    KICK,
    LEAD,
    LEAD_VOICES,
    NOISES,
    PUMPS,
    REST,
    SPACES,
    SWINGS,
    TEXTURE,
    VELOCITIES,
    VOICINGS,
    read_chord,
    read_drum,
    read_note,
    read_texture,
    texture_code,
)

Codes = Sequence[int] | NDArray[np.integer]

FADE_SECONDS: Final = 0.005
"""The last frame of a clip ends in this fade, so that a cut does not click."""

_DUCKED: Final = (BASS, CHORDS, LEAD, TEXTURE)
_RUNG_OUT: Final = 10.0 ** (-72 / 20)


def warm_up(sample_rate: int = SAMPLE_RATE) -> None:
    """Compute what all synthesisers share: one-shots, wavetables, rooms. About a second, once.

    Any thread, but one at a time.
    """
    one_shots(sample_rate)
    for patches in (bass.PATCHES, chords.PATCHES, lead.PATCHES):
        for patch in patches.values():
            patch.prepare()
    bass.ACCENTED.prepare()
    chords.prepare(sample_rate)
    breath_loop(sample_rate)
    texture.prepare(sample_rate)
    room(sample_rate)
    hall(sample_rate)


class Synthesiser:
    """Renders codes of `mini` as stereo sound, streaming. One thread.

    The same codes, tempo, key, kit and seed give the same samples, however they
    are asked for: as a mix, or as stems and then through the bus.
    """

    def __init__(
        self,
        bpm: float,
        key: str,
        seed: int,
        sample_rate: int = SAMPLE_RATE,
        kit: Path | Kit | None = None,
    ) -> None:
        """Start at the first frame.

        ``bpm`` is 40..240, ``key`` a name that `scale.parse_key` reads, ``kit``
        the user's one-shots: a folder, or one that was read before.

        Raises:
            ValueError: an argument is out of range, or the kit cannot be read.
        """
        self._grid = Grid(bpm, sample_rate)
        self._key = parse_key(key)
        self._rate = sample_rate
        self._frame = 0
        loaded = Kit.load(kit, sample_rate) if isinstance(kit, Path) else kit
        # One chance for each instrument, so that none changes another's noise.
        settings = [
            Setting(sample_rate, bpm, np.random.default_rng([seed % (1 << 64), codebook]))
            for codebook in range(len(INSTRUMENTS))
        ]
        self._drummers = [
            Drummer(codebook, loaded, settings[codebook]) for codebook in range(len(DRUM_VOICES))
        ]
        self._bass = Part()
        self._chords = Part()
        self._lead = Part()
        self._settings = settings
        self._notes: dict[int, int | None] = {BASS: None, LEAD: None}
        self._chord: tuple[int, ...] = ()
        self._texture = texture.Atmosphere(self._key, settings[TEXTURE])
        self._space = Space(self._grid.sixteenth, sample_rate)
        self._place = SPACES[0]
        self._ducker = Ducker(bpm, sample_rate)
        self._bus = Bus(sample_rate)
        self._ending = False

    @property
    def frame(self) -> int:
        """How many frames were rendered."""
        return self._frame

    def samples(self, frames: int) -> int:
        """How many samples the first so many frames last."""
        return self._grid.start(frames)

    def render(self, codes: Codes, *, last: bool = False) -> Samples:
        """The next sixteenth, float32 ``[n, 2]`` within -1..1.

        ``codes`` are the eight codes of the frame. ``last`` fades its final five
        milliseconds, so that a clip that ends here does not click.

        Raises:
            ValueError: there are not eight codes, or one means nothing.
        """
        return self.bus(self.render_stems(codes, last=last))

    def render_stems(self, codes: Codes, *, last: bool = False) -> Samples:
        """The next sixteenth before the bus, instrument by instrument, float32 ``[8, n, 2]``.

        The stems add up to the mix that the bus gets. They are ducked; what the
        spaces give back is in the texture's stem. Pass each result to `bus`.
        """
        if len(codes) != len(INSTRUMENTS):
            raise ValueError(f"a frame has {len(INSTRUMENTS)} codes, not {len(codes)}")
        frame = [int(code) for code in codes]
        mix = read_texture(frame[TEXTURE])
        n = self._grid.start(self._frame + 1) - self._grid.start(self._frame)
        swing = SWINGS[mix.swing] if self._frame % 2 else 0.0
        at = round(swing * self._grid.sixteenth)
        kick = self._play(frame, at)
        stems = np.empty((len(INSTRUMENTS), 2, n), np.float32)
        for codebook, drummer in enumerate(self._drummers):
            stems[codebook] = drummer.render(n)
        stems[BASS] = self._bass.render(n)
        stems[CHORDS] = self._chords.render(n)
        stems[LEAD] = self._lead.render(n)
        stems[TEXTURE] = self._texture.render(NOISES[mix.noise], self._frame, n)
        gain = self._ducker.render(n, at if kick else None, PUMPS[mix.pump] * kick)
        stems[list(_DUCKED[:-1])] *= gain
        self._place = SPACES[mix.space]
        stems[TEXTURE] += self._space.render(stems, self._place)
        stems[TEXTURE] *= gain
        self._ending = last
        if last:
            self._fade(stems)
        self._frame += 1
        return stems.transpose(0, 2, 1)

    def bus(self, stems: Samples) -> Samples:
        """The mastered mix ``[n, 2]`` of a frame's stems ``[8, n, 2]``, frames in order."""
        mix = self._bus.render(stems.transpose(0, 2, 1).sum(axis=0))
        if self._ending:
            # Once more: the bus's low cut swings back when the music stops.
            self._fade(mix)
        return np.ascontiguousarray(mix.T)

    def tail(self, max_seconds: float = 4.0) -> Samples:
        """What still rings after the last frame, float32 ``[m, 2]``, at most so long.

        Every note is let go; it ends once nothing is heard, and in a short fade.
        """
        rest = [REST] * len(INSTRUMENTS)
        rest[TEXTURE] = texture_code(0, SPACES.index(self._place), 0, 0)
        longest = round(max_seconds * self._rate)
        blocks = [np.zeros((0, 2), np.float32)]
        length = 0
        while length < longest:
            blocks.append(self.render(rest))
            length += len(blocks[-1])
            if np.abs(blocks[-1]).max(initial=0.0) < _RUNG_OUT:
                break
        ringing = np.concatenate(blocks)[:longest]
        self._fade(ringing.T)
        return ringing

    def _fade(self, sound: Samples) -> None:
        """Fade the end of ``[..., n]`` out, in place."""
        n = sound.shape[-1]
        fade = min(n, round(FADE_SECONDS * self._rate))
        sound[..., n - fade :] *= np.linspace(1.0, 0.0, fade, dtype=np.float32)

    def _play(self, codes: list[int], at: int) -> float:
        """Start and release what the codes say; the strength of the kick, 0 without one."""
        strength = 0.0
        for codebook, drummer in enumerate(self._drummers):
            hit = read_drum(codebook, codes[codebook])
            if hit is not None:
                drummer.hit(hit, at)
                if codebook == KICK:
                    strength = VELOCITIES[hit.velocity]
        self._play_note(BASS, codes[BASS], at)
        self._play_note(LEAD, codes[LEAD], at)
        self._play_chord(codes[CHORDS], at)
        return strength

    def _play_note(self, codebook: int, code: int, at: int) -> None:
        part = self._bass if codebook == BASS else self._lead
        setting = self._settings[codebook]
        note = read_note(codebook, code)
        if note is not None:
            before = self._notes[codebook] if part.sounding else None
            if codebook == BASS:
                pitch = bass_note(self._key, note.degree)
                sound = bass.start_bass(BASS_VOICES[note.voice], pitch, before, setting)
            else:
                pitch = lead_note(self._key, note.degree)
                sound = lead.start_lead(LEAD_VOICES[note.voice], pitch, before, setting)
            self._notes[codebook] = pitch
            part.start([sound], at)
        elif code != HOLD:
            part.release(at)

    def _play_chord(self, code: int, at: int) -> None:
        chord = read_chord(code)
        if chord is not None:
            voice = CHORD_VOICES[chord.voice]
            seventh = VOICINGS[chord.voicing] == "seventh"
            if voice == "power":
                notes = power_chord_notes(self._key, chord.degree)
            else:
                self._chord = notes = chord_notes(
                    self._key, chord.degree, seventh=seventh, previous=self._chord
                )
            self._chords.start(chords.start_chord(voice, notes, self._settings[CHORDS]), at)
        elif code != HOLD:
            self._chords.release(at)
