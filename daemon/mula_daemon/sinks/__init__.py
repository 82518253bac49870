"""Where generated audio and reports go."""
