"""mini's codes as notes: pitches, voicings, scores and MIDI files."""
