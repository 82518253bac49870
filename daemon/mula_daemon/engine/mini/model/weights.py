"""The shipped weights: a safetensors file in half precision and a JSON beside it."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Sequence
from importlib.resources import as_file, files
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import torch
from safetensors.torch import load_file, save_file

from mula_daemon.engine.lm.language_model import Flavour, LanguageModel, LMConfig
from mula_daemon.engine.mini.model.tokenizer import FILE as TOKENIZER_FILE
from mula_daemon.engine.mini.train.bias import BIAS

if TYPE_CHECKING:
    from mula_daemon.engine.mini.train.recipe import Recipe
    from mula_daemon.engine.mini.train.training import Progress

NAME: Final = "mini.safetensors"


def load_mini(path: Path | None = None) -> tuple[LanguageModel, dict[str, Any]]:
    """The model in float32 on the CPU, ready to generate, and the facts of its JSON.

    ``path``: other weights with a JSON beside them; None: the packaged ones. Raises
    ``FileNotFoundError``, and ``ValueError`` where weights and JSON do not belong together.
    """
    if path is None:
        with as_file(files(__package__) / NAME) as packaged:
            return _load(packaged, packaged.with_suffix(".json"))
    return _load(path, path.with_suffix(".json"))


def _load(path: Path, facts_path: Path) -> tuple[LanguageModel, dict[str, Any]]:
    facts: dict[str, Any] = json.loads(facts_path.read_text(encoding="utf-8"))
    if (found := _sha256(path)) != facts["sha256"]:
        raise ValueError(f"{path.name} is not what {facts_path.name} describes: sha256 {found}")
    sizes = dict(facts["config"])
    backbone, decoder = (Flavour(**sizes.pop(name)) for name in ("backbone", "decoder"))
    with torch.device("meta"):
        model = LanguageModel(LMConfig(backbone, decoder, **sizes))
    weights = {name: value.float() for name, value in load_file(path).items()}
    model.load_state_dict(weights, assign=True)
    return model.eval().requires_grad_(False), facts


def save(model: LanguageModel, path: Path, recipe: Recipe, curve: Sequence[Progress] = ()) -> None:
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
        "sha256": _sha256(path),
        "tokenizer": TOKENIZER_FILE,
        "recipe": dataclasses.asdict(recipe),
        "bias": dataclasses.asdict(BIAS),
        "curve": [dataclasses.asdict(line) for line in curve],
    }
    path.with_suffix(".json").write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
