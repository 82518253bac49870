"""What a control in a hand does: bound MIDI controls and OSC addresses."""
