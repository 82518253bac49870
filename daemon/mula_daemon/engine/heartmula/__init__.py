"""HeartMuLa: checkpoint, prompt and (later) codec."""
