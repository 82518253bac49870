"""Codes in, sound out: a sixteenth at a time."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mula_daemon.engine.mini.notes import VoiceLeading, bass_note, lead_note, parse_key
from mula_daemon.engine.mini.synth import bass, chords, lead, texture
from mula_daemon.engine.mini.synth.audio import SAMPLE_RATE, Samples
from mula_daemon.engine.mini.synth.bus import Bus
from mula_daemon.engine.mini.synth.drummer import Drummer
from mula_daemon.engine.mini.synth.drums import one_shots
from mula_daemon.engine.mini.synth.ducking import Ducker
from mula_daemon.engine.mini.synth.grid import Grid
from mula_daemon.engine.mini.synth.kit import Kit
from mula_daemon.engine.mini.synth.sound import InstrumentPart, Setting
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
    SPACES,
    SWINGS,
    TEXTURE,
    VELOCITIES,
    DrumHit,
    Texture,
    read_chord,
    read_drum,
    read_note,
    read_texture,
)

Codes = Sequence[int] | NDArray[np.integer]

_DUCKED: Final = (BASS, CHORDS, LEAD, TEXTURE)


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
        self._bass = InstrumentPart()
        self._chords = InstrumentPart()
        self._lead = InstrumentPart()
        self._settings = settings
        self._notes: dict[int, int | None] = {BASS: None, LEAD: None}
        self._hands = VoiceLeading(self._key)
        self._texture = texture.Atmosphere(self._key, settings[TEXTURE])
        self._space = Space(self._grid.sixteenth, sample_rate)
        self._ducker = Ducker(bpm, sample_rate)
        self._bus = Bus(sample_rate)

    @property
    def frame(self) -> int:
        """How many frames were rendered."""
        return self._frame

    @property
    def sample_rate(self) -> int:
        """Hz."""
        return self._rate

    def frames_in(self, seconds: float) -> int:
        """The least number of frames that last so long."""
        return math.ceil(seconds * self._rate / self._grid.sixteenth)

    def samples(self, frames: int) -> int:
        """How many samples the first so many frames last."""
        return self._grid.start(frames)

    def retune(self, bpm: float) -> None:
        """Go on at another tempo, 40..240, from the next frame on; what sounds rings on.

        Raises:
            ValueError: ``bpm`` is out of range.
        """
        self._grid = self._grid.at_tempo(bpm, self._frame)
        self._settings[:] = [replace(setting, bpm=bpm) for setting in self._settings]
        for drummer, setting in zip(self._drummers, self._settings, strict=False):
            drummer.retune(setting)
        self._ducker.retune(bpm)
        self._space.retune(self._grid.sixteenth)

    def render(self, codes: Codes) -> Samples:
        """The next sixteenth, float32 ``[n, 2]`` within -1..1.

        ``codes`` are the eight codes of the frame.

        Raises:
            ValueError: there are not eight codes, or one means nothing.
        """
        return self.master(self.render_stems(codes).sum(axis=0))

    def render_stems(self, codes: Codes) -> Samples:
        """The next sixteenth before the bus, instrument by instrument, float32 ``[8, n, 2]``.

        The stems add up to the mix that the bus gets. They are ducked; what the
        spaces give back is in the texture's stem. Pass each sum to `master`.
        """
        frame, mix, at = self._begin(codes)
        return self._mix(mix, mix.noise, at, self._play(frame, at))

    def ring_on(self, codes: Codes) -> Samples:
        """Like `render_stems`, but nothing new sounds: what rang rings on.

        ``codes`` are those of a frame that plays elsewhere at the same time, such as
        the first ones of a clip that comes round again: its kick ducks and chokes
        what rings, and its space is the one that rings.
        """
        frame, mix, at = self._begin(codes)
        return self._mix(mix, NOISES.index("none"), at, self._make_way(frame, at))

    def rewind(self) -> None:
        """Begin again with frame 0 on the grid; everything sounds on."""
        self._frame = 0

    def master(self, mix: Samples) -> Samples:
        """A frame's mix ``[n, 2]``, the sum of its stems, through the bus; frames in order."""
        return np.ascontiguousarray(self._bus.render(mix.T).T)

    def _begin(self, codes: Codes) -> tuple[list[int], Texture, int]:
        """A frame's codes, its mix, and where in its block what begins is heard."""
        if len(codes) != len(INSTRUMENTS):
            raise ValueError(f"a frame has {len(INSTRUMENTS)} codes, not {len(codes)}")
        frame = [int(code) for code in codes]
        mix = read_texture(frame[TEXTURE])
        swing = SWINGS[mix.swing] if self._frame % 2 else 0.0
        return frame, mix, round(swing * self._grid.sixteenth)

    def _mix(self, mix: Texture, noise: int, at: int, kick: float) -> Samples:
        """The frame's stems ``[8, n, 2]``; a kick of strength ``kick`` ducks from ``at`` on."""
        n = self._grid.start(self._frame + 1) - self._grid.start(self._frame)
        stems = np.empty((len(INSTRUMENTS), 2, n), np.float32)
        for codebook, drummer in enumerate(self._drummers):
            stems[codebook] = drummer.render(n)
        stems[BASS] = self._bass.render(n)
        stems[CHORDS] = self._chords.render(n)
        stems[LEAD] = self._lead.render(n)
        stems[TEXTURE] = self._texture.render(NOISES[noise], self._frame, n)
        gain = self._ducker.render(n, at if kick else None, PUMPS[mix.pump] * kick)
        stems[list(_DUCKED[:-1])] *= gain
        stems[TEXTURE] += self._space.render(stems, SPACES[mix.space])
        stems[TEXTURE] *= gain
        self._frame += 1
        return stems.transpose(0, 2, 1)

    def _make_way(self, codes: list[int], at: int) -> float:
        """Let go of all that is held or that a hit would choke; the strength of the kick."""
        for part in (self._bass, self._chords, self._lead):
            part.release(0)
        return self._drum(codes, lambda drummer, hit: drummer.make_way(hit, at))

    def _play(self, codes: list[int], at: int) -> float:
        """Start and release what the codes say; the strength of the kick, 0 without one."""
        strength = self._drum(codes, lambda drummer, hit: drummer.hit(hit, at))
        self._play_note(BASS, codes[BASS], at)
        self._play_note(LEAD, codes[LEAD], at)
        self._play_chord(codes[CHORDS], at)
        return strength

    def _drum(self, codes: list[int], act: Callable[[Drummer, DrumHit], None]) -> float:
        """Do something for every hit; the strength of the kick, 0 without one."""
        strength = 0.0
        for codebook, drummer in enumerate(self._drummers):
            hit = read_drum(codebook, codes[codebook])
            if hit is not None:
                act(drummer, hit)
                if codebook == KICK:
                    strength = VELOCITIES[hit.velocity]
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
            notes = self._hands.notes(chord)
            self._chords.start(chords.start_chord(voice, notes, self._settings[CHORDS]), at)
        elif code != HOLD:
            self._chords.release(at)
