"""Musical time: where the beat is, who leads it, and what waits for it."""
