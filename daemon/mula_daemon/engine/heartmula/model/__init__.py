"""HeartMuLa as an engine: checkpoint to network, prompts, frames to sound."""
