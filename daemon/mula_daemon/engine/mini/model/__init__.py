"""mini's network: its weights, its prompts, and the engine that plays it."""

from mula_daemon.engine.mini.model import tokenizer
from mula_daemon.engine.mini.model.engine import MiniEngine
from mula_daemon.engine.mini.model.tokenizer import (
    FILE,
    clock_id,
    clock_ids,
    prompt_ids,
    text_vocab,
)
from mula_daemon.engine.mini.model.weights import load_mini, sha256_of

__all__ = [
    "FILE",
    "MiniEngine",
    "clock_id",
    "clock_ids",
    "load_mini",
    "prompt_ids",
    "sha256_of",
    "text_vocab",
    "tokenizer",
]
