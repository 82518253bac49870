"""mini's network: its weights, its prompts, and the engine that plays it."""

from mula_daemon.engine.mini.model.engine import MiniEngine
from mula_daemon.engine.mini.model.weights import load_mini, sha256_of

__all__ = ["MiniEngine", "load_mini", "sha256_of"]
