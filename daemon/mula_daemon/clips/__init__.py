"""The clip folder: what lies there, and how it got there."""
