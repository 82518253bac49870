"""Which notes a chord code plays: the ones nearest to the chord before."""

from __future__ import annotations

from mula_daemon.engine.mini.notes.scale import Key, chord_notes, power_chord_notes
from mula_daemon.engine.mini.tokens import CHORD_VOICES, VOICINGS, Chord


class VoiceLeading:
    """The hands that play a clip's chords, in order. One thread.

    Standard library only: the daemon process follows it to write notes down.
    """

    def __init__(self, key: Key) -> None:
        self._key = key
        self._before: tuple[int, ...] = ()

    def notes(self, chord: Chord) -> tuple[int, ...]:
        """The MIDI notes of the next chord, low to high."""
        if CHORD_VOICES[chord.voice] == "power":
            return power_chord_notes(self._key, chord.degree)
        seventh = VOICINGS[chord.voicing] == "seventh"
        self._before = chord_notes(self._key, chord.degree, seventh=seventh, previous=self._before)
        return self._before
