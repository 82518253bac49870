"""HeartCodec: codes at 12.5 Hz in, 48 kHz stereo out."""
