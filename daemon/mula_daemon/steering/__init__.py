"""The knobs and texts as they stand, and the commands that turn them."""
