"""The built-in model: tokens, material, training, weights and synthesiser."""

from mula_daemon.engine.mini import tags, tokens, vocabulary
from mula_daemon.engine.mini.health import findings
from mula_daemon.engine.mini.tags import ENERGIES, GENRES, INSTRUMENTS, MOODS, WORDS

__all__ = [
    "ENERGIES", "GENRES", "INSTRUMENTS", "MOODS", "WORDS", "findings", "tags", "tokens",
    "vocabulary",
]  # fmt: skip
