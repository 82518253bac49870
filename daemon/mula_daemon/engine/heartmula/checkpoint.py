"""Reading a checkpoint in HeartMuLa's published layout: config.json and safetensors.

A folder holds either one ``model.safetensors`` or shards and their
``model.safetensors.index.json``. Weights are read and cast shard by shard, so that two copies
of everything never exist. Nothing but safetensors is opened: pickles can run code.
Engine process only.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from mula_daemon.engine.heartmula.parts import (
    INDEX,
    REMEDY,
    SINGLE,
    CheckpointError,
    damaged,
    integer,
    missing,
    read_json,
    shards,
)
from mula_daemon.engine.lm import FLAVOURS, Flavour, LanguageModel, LMConfig

__all__ = [
    "INDEX", "REMEDY", "SINGLE", "CheckpointError", "SpecialIds", "fill", "integer",
    "load_language_model", "read_config", "read_json", "read_special_ids", "tensors",
]  # fmt: skip


@dataclass(frozen=True)
class SpecialIds:
    """The ids in ``gen_config.json``: text begin, text end, end of audio, empty text column."""

    text_bos: int
    text_eos: int
    audio_eos: int
    empty: int


def read_special_ids(root: Path) -> SpecialIds:
    """Of ``root/gen_config.json``. Raises `CheckpointError`."""
    path = root / "gen_config.json"
    values = read_json(path)
    return SpecialIds(
        *(
            integer(values, f"{name}_id", path)
            for name in ("text_bos", "text_eos", "audio_eos", "empty")
        )
    )


def read_config(directory: Path, flavours: Mapping[str, Flavour] = FLAVOURS) -> LMConfig:
    """The sizes in ``directory/config.json``, its flavour names looked up in ``flavours``.

    Raises `CheckpointError`.
    """
    path = directory / "config.json"
    values = read_json(path)

    def flavour(key: str) -> Flavour:
        name = values.get(key)
        if not isinstance(name, str) or name not in flavours:
            raise CheckpointError(
                f"{path}: {key} is {name!r}; this version knows {', '.join(sorted(flavours))}: "
                "a newer mulabridge may know more"
            )
        return flavours[name]

    return LMConfig(
        backbone=flavour("backbone_flavor"),
        decoder=flavour("decoder_flavor"),
        text_vocab=integer(values, "text_vocab_size", path),
        audio_vocab=integer(values, "audio_vocab_size", path),
        codebooks=integer(values, "audio_num_codebooks", path),
        muq_dim=integer(values, "muq_dim", path),
    )


def load_language_model(
    directory: Path, config: LMConfig | None = None, dtype: torch.dtype = torch.float32
) -> LanguageModel:
    """The model in ``directory`` on the CPU, its weights cast to ``dtype``, without gradients.

    ``config`` overrides the folder's config.json. Raises `CheckpointError` when a file or key is
    missing, damaged, unexpected or of another shape.
    """
    with torch.device("meta"):  # shapes only: nothing is allocated twice
        model = LanguageModel(config or read_config(directory))
    weights = ((path, name, tensor.to(dtype)) for path, name, tensor in tensors(directory))
    fill(model, weights, directory)
    return model


def fill(model: nn.Module, weights: Iterable[tuple[Path, str, Tensor]], directory: Path) -> None:
    """Give ``model``, made on the meta device, its (file, key, tensor) ``weights`` for good.

    Afterwards nothing in it needs gradients. Raises `CheckpointError` when a key is missing,
    unexpected or of another shape.
    """
    expected = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
    found: dict[str, Tensor] = {}
    for path, name, tensor in weights:
        if name not in expected:
            raise CheckpointError(
                f"{path}: unexpected key {name!r}; is this a HeartMuLa model? {REMEDY}"
            )
        if tuple(tensor.shape) != expected[name]:
            raise CheckpointError(
                f"{path}: {name!r} has shape {tuple(tensor.shape)}, config.json asks for "
                f"{expected[name]}; weights and config.json are of two models: {REMEDY}"
            )
        found[name] = tensor
    lacking = sorted(expected.keys() - found.keys())
    if lacking:
        more = f" and {len(lacking) - 1} more" if len(lacking) > 1 else ""
        raise CheckpointError(
            f"{directory}: key {lacking[0]!r}{more} missing from the weights; is a shard missing "
            f"from the index? {REMEDY}"
        )
    model.load_state_dict(found, assign=True)
    model.requires_grad_(False)


def tensors(
    directory: Path, wanted: Callable[[str], bool] = lambda name: True
) -> Iterator[tuple[Path, str, Tensor]]:
    """Every (file, key, tensor) of the folder whose key is ``wanted``, one in memory at a time.

    Raises `CheckpointError` when a file is missing or damaged.
    """
    for path in shards(directory):
        if not path.is_file():
            raise missing(path)
        try:
            with safe_open(path, framework="pt") as shard:
                for name in filter(wanted, shard.keys()):
                    yield path, name, shard.get_tensor(name)
        except (SafetensorError, OSError) as error:
            raise damaged(path, f"is damaged or cut short ({error})") from error
