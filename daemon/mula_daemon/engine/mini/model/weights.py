"""The shipped weights: a safetensors file in half precision and a JSON beside it."""

from __future__ import annotations

import hashlib
import json
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any, Final

import torch
from safetensors.torch import load_file

from mula_daemon.engine.lm import Flavour, LanguageModel, LMConfig

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
    if (found := sha256_of(path)) != facts["sha256"]:
        raise ValueError(f"{path.name} is not what {facts_path.name} describes: sha256 {found}")
    sizes = dict(facts["config"])
    backbone, decoder = (Flavour(**sizes.pop(name)) for name in ("backbone", "decoder"))
    with torch.device("meta"):
        model = LanguageModel(LMConfig(backbone, decoder, **sizes))
    weights = {name: value.float() for name, value in load_file(path).items()}
    model.load_state_dict(weights, assign=True)
    return model.eval().requires_grad_(False), facts


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file, in hex."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
