"""HeartMuLa: checkpoint, prompt, codec, streaming decode, and the engine made of them."""
