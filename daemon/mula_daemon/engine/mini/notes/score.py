"""The notes that codes of `mini` play, as a DAW would write them down.

Standard library only, because the daemon process writes clips' notes itself.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from mula_daemon.engine.mini.notes.general_midi import DRUM_CHANNEL, PROGRAMS, drum_note
from mula_daemon.engine.mini.notes.scale import bass_note, lead_note, parse_key
from mula_daemon.engine.mini.notes.voice_leading import VoiceLeading
from mula_daemon.engine.mini.tokens import (
    BASS,
    CHORDS,
    DRUM_VOICES,
    HOLD,
    LEAD,
    PITCHED_VOICES,
    ROLL,
    ROLL_HITS,
    SWINGS,
    TEXTURE,
    VELOCITIES,
    read_chord,
    read_drum,
    read_note,
    read_texture,
)

PITCHED: Final = {BASS: "Bass", CHORDS: "Chords", LEAD: "Lead"}
TICKS_PER_SIXTEENTH: Final = 240
"""Of 960 ticks per quarter note, which is REAPER's and Ableton Live's own resolution."""
PITCHED_VELOCITY: Final = 100
"""Codes give pitched notes no loudness of their own."""


@dataclass(frozen=True, slots=True, order=True)
class ScoreNote:
    """One note: ticks from the clip's start, a length in ticks, key and velocity 1..127."""

    start: int
    length: int
    key: int
    velocity: int


@dataclass(frozen=True, slots=True)
class Track:
    """One instrument's notes, in order. ``channel`` and ``program`` count from 0."""

    name: str
    channel: int
    program: int
    notes: tuple[ScoreNote, ...]


def score(codes: Sequence[Sequence[int]], key: str) -> tuple[Track, ...]:
    """The tracks of a clip's ``codes`` [frames][8]: drums, bass, chords, lead.

    Onsets are swung as they are heard; a rolled hi-hat is every hit of the roll. What
    hands would play late is written on the grid. An instrument that rests throughout
    has no track.

    Raises:
        ValueError: a code means nothing, or ``key`` is none.
    """
    tonality = parse_key(key)
    hands = VoiceLeading(tonality)
    drums = _Line()
    pitched = {codebook: _Line() for codebook in PITCHED}
    for frame, row in enumerate(codes):
        at = onset(frame, row)
        for codebook in range(len(DRUM_VOICES)):
            _strike(drums, codebook, row[codebook], at)
        for codebook, line in pitched.items():
            if row[codebook] == HOLD:
                continue
            line.release(at)
            if codebook == CHORDS:
                if (chord := read_chord(row[CHORDS])) is not None:
                    line.press(hands.notes(chord), at, chord.voice)
            elif (note := read_note(codebook, row[codebook])) is not None:
                place = bass_note if codebook == BASS else lead_note
                line.press([place(tonality, note.degree)], at, note.voice)
    end = len(codes) * TICKS_PER_SIXTEENTH
    for line in pitched.values():
        line.release(end)
    tracks = [Track("Drums", DRUM_CHANNEL, 0, drums.drummed(end))]
    for channel, (codebook, name) in enumerate(
        ((BASS, "Bass"), (CHORDS, "Chords"), (LEAD, "Lead"))
    ):
        line = pitched[codebook]
        tracks.append(Track(name, channel, line.program(codebook), tuple(sorted(line.notes))))
    return tuple(track for track in tracks if track.notes)


def onset(frame: int, codes: Sequence[int]) -> int:
    """The tick at which what begins in ``frame`` is heard: odd sixteenths swing."""
    swing = SWINGS[read_texture(codes[TEXTURE]).swing] if frame % 2 else 0.0
    return frame * TICKS_PER_SIXTEENTH + round(swing * TICKS_PER_SIXTEENTH)


class _Line:
    """What one instrument has played so far, and what it still holds."""

    def __init__(self) -> None:
        self.notes: list[ScoreNote] = []
        self._held: Sequence[int] = ()
        self._since = 0
        self._voices: Counter[int] = Counter()

    def press(self, keys: Sequence[int], at: int, voice: int) -> None:
        self._held, self._since = keys, at
        self._voices[voice] += 1

    def release(self, at: int) -> None:
        self.notes += [
            ScoreNote(self._since, at - self._since, key, PITCHED_VELOCITY) for key in self._held
        ]
        self._held = ()

    def strike(self, key: int, at: int, length: int, velocity: int) -> None:
        self.notes.append(ScoreNote(at, length, key, velocity))

    def program(self, codebook: int) -> int:
        """The program of the voice that it played most."""
        if not self._voices:
            return 0
        (voice, _), *_ = self._voices.most_common(1)
        return PROGRAMS[codebook][PITCHED_VOICES[codebook][voice]]

    def drummed(self, end: int) -> tuple[ScoreNote, ...]:
        """Its hits, none twice at once and none into the next of its own key.

        The last hits of a roll that swing beyond ``end`` are heard at the head of the loop.
        """
        loudest: dict[tuple[int, int], ScoreNote] = {}
        for note in sorted(self.notes, key=lambda note: note.velocity):
            loudest[note.start % end, note.key] = note
        upcoming: dict[int, int] = {}
        hits = []
        inside = [replace(note, start=start) for (start, _), note in loudest.items()]
        for note in sorted(inside, reverse=True):
            until = min(note.start + note.length, upcoming.get(note.key, end), end)
            hits.append(ScoreNote(note.start, until - note.start, note.key, note.velocity))
            upcoming[note.key] = note.start
        return tuple(sorted(hits))


def _strike(line: _Line, codebook: int, code: int, at: int) -> None:
    hit = read_drum(codebook, code)
    if hit is None:
        return
    voice = DRUM_VOICES[codebook][hit.voice]
    times = ROLL_HITS[hit.velocity] if voice == ROLL else 1
    length = TICKS_PER_SIXTEENTH // times
    velocity = round(127 * VELOCITIES[hit.velocity])
    for number in range(times):
        line.strike(drum_note(codebook, voice), at + number * length, length, velocity)
