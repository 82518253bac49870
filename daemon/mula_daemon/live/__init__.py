"""Live play: endless generation to the ear, paced by it, and what can be kept of it."""
