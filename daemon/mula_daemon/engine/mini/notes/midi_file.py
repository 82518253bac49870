"""A clip's notes as a Standard MIDI File (RP-001, format 1)."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Final

from mula_daemon.engine.mini.notes.general_midi import DRUM_CHANNEL
from mula_daemon.engine.mini.notes.scale import parse_key
from mula_daemon.engine.mini.notes.score import TICKS_PER_SIXTEENTH, Track, score

SIXTEENTHS_PER_BEAT: Final = 4

_FEWEST_ACCIDENTALS: Final = {
    "maj": ("C", "Db", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B"),
    "min": ("Cm", "C#m", "Dm", "Ebm", "Em", "Fm", "F#m", "Gm", "G#m", "Am", "Bbm", "Bm"),
}


def midi_file(
    codes: Sequence[Sequence[int]], *, bpm: float, key: str, beats_per_bar: int, title: str
) -> bytes:
    """The file of a clip's ``codes`` [frames][8], as long as the clip.

    The first track holds title, tempo, meter and key; one track follows for each
    instrument that plays, named, the drums on channel 10. ``title`` may be any text.

    Raises:
        ValueError: a code means nothing, or ``key`` is none.
    """
    import mido

    end = len(codes) * TICKS_PER_SIXTEENTH
    file = mido.MidiFile(
        type=1, ticks_per_beat=SIXTEENTHS_PER_BEAT * TICKS_PER_SIXTEENTH, charset="utf-8"
    )
    tonality = parse_key(key)
    conductor = file.add_track(title)
    conductor += [
        mido.MetaMessage("set_tempo", tempo=mido.bpm2tempo(bpm)),
        mido.MetaMessage("time_signature", numerator=beats_per_bar, denominator=4),
        mido.MetaMessage("key_signature", key=_FEWEST_ACCIDENTALS[tonality.mode][tonality.tonic]),
        mido.MetaMessage("end_of_track", time=end),
    ]
    for track in score(codes, key):
        written = file.add_track(track.name)
        if track.channel != DRUM_CHANNEL:
            written.append(
                mido.Message("program_change", channel=track.channel, program=track.program)
            )
        now = 0
        for tick, _, key_number, velocity in _events(track):
            kind = "note_on" if velocity else "note_off"
            written.append(
                mido.Message(
                    kind,
                    channel=track.channel,
                    note=key_number,
                    velocity=velocity,
                    time=tick - now,
                )
            )
            now = tick
        written.append(mido.MetaMessage("end_of_track", time=end - now))
    buffer = io.BytesIO()
    file.save(file=buffer)
    return buffer.getvalue()


def _events(track: Track) -> list[tuple[int, bool, int, int]]:
    """(tick, begins, key, velocity), those that end a note before those that begin one."""
    ends = [(note.start + note.length, False, note.key, 0) for note in track.notes]
    begins = [(note.start, True, note.key, note.velocity) for note in track.notes]
    return sorted(ends + begins)
