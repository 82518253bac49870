"""The vocabulary: knobs, commands, reports, and the seams between who sends and who hears. Pure."""
