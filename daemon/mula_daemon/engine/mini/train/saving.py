"""What a training leaves: the weights in half precision, and a JSON that says how they came."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from safetensors.torch import save_file

from mula_daemon.engine.lm import LanguageModel
from mula_daemon.engine.mini.model import sha256_of
from mula_daemon.engine.mini.train import tokenizer
from mula_daemon.engine.mini.train.bias import BIAS
from mula_daemon.engine.mini.train.recipe import TrainingRecipe


@dataclass(frozen=True, slots=True)
class TrainingProgress:
    """One line of the log; losses in nats per code."""

    step: int
    minutes: float
    loss: float
    held_out: float


def save(
    model: LanguageModel, path: Path, recipe: TrainingRecipe, curve: Sequence[TrainingProgress] = ()
) -> None:
    """Writes ``path`` in half precision and its JSON beside it."""
    weights = {
        name: value.detach().half().contiguous() for name, value in model.state_dict().items()
    }
    save_file(weights, path, metadata={"format": "pt"})
    path.chmod(0o644)  # the writer leaves it to its owner alone, and a package is for everyone
    facts = {
        "name": "mini",
        "config": dataclasses.asdict(model.config),
        "parameters": sum(value.numel() for value in weights.values()),
        "sha256": sha256_of(path),
        "tokenizer": tokenizer.FILE,
        "recipe": dataclasses.asdict(recipe),
        "bias": dataclasses.asdict(BIAS),
        "curve": [dataclasses.asdict(line) for line in curve],
    }
    path.with_suffix(".json").write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")
