"""MIDI bytes to events, and the ports that they come through."""
