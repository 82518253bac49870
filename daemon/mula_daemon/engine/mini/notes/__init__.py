"""mini's codes as notes: pitches, voicings, scores and MIDI files."""

from mula_daemon.engine.mini.notes.general_midi import DRUM_CHANNEL
from mula_daemon.engine.mini.notes.midi_file import midi_file
from mula_daemon.engine.mini.notes.scale import (
    HIGHEST_CHORD,
    LOWEST_CHORD,
    LOWEST_POWER_CHORD,
    SCALES,
    Key,
    bass_note,
    hertz,
    lead_note,
    parse_key,
)
from mula_daemon.engine.mini.notes.score import score
from mula_daemon.engine.mini.notes.voice_leading import VoiceLeading

__all__ = [
    "DRUM_CHANNEL", "HIGHEST_CHORD", "LOWEST_CHORD", "LOWEST_POWER_CHORD", "SCALES", "Key",
    "VoiceLeading", "bass_note", "hertz", "lead_note", "midi_file", "parse_key", "score",
]  # fmt: skip
