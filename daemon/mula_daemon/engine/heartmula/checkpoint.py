"""Reading a checkpoint in HeartMuLa's published layout: config.json and safetensors.

A folder holds either one ``model.safetensors`` or shards and their
``model.safetensors.index.json``. Weights are read and cast shard by shard, so that two copies
of everything never exist. Nothing but safetensors is opened: pickles can run code.
Engine process only.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from mula_bridge.errors import Unavailable
from mula_daemon.engine.lm import FLAVOURS, Flavour, LanguageModel, LMConfig

INDEX = "model.safetensors.index.json"
SINGLE = "model.safetensors"
REMEDY = "mula pull heartmula --into DIR fetches what is missing"
PICKLES = (".bin", ".pt", ".pth", ".ckpt", ".pkl")


class CheckpointError(Unavailable):
    """A checkpoint that cannot be used; the message names the file or key and what to do."""


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
                f"{path}: {key} is {name!r}; this version knows {', '.join(sorted(flavours))}"
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
    missing = sorted(expected.keys() - found.keys())
    if missing:
        more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
        raise CheckpointError(
            f"{directory}: key {missing[0]!r}{more} missing from the weights; is a shard missing "
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
            raise CheckpointError(f"{path} is missing{_pickles(directory)}; {REMEDY}")
        try:
            with safe_open(path, framework="pt") as shard:
                for name in filter(wanted, shard.keys()):
                    yield path, name, shard.get_tensor(name)
        except SafetensorError as error:
            raise CheckpointError(
                f"{path} is damaged or cut short ({error}); delete it, and {REMEDY}"
            ) from error


def shards(directory: Path) -> list[Path]:
    """The folder's safetensors files, whether they are there or not. Raises `CheckpointError`."""
    index = directory / INDEX
    if not index.is_file():
        return [directory / SINGLE]
    files = read_json(index).get("weight_map")
    if not isinstance(files, dict) or not files:
        raise CheckpointError(f"{index}: key 'weight_map' missing; {REMEDY}")
    names = sorted({str(name) for name in files.values()})
    if any(Path(name).name != name or not name.endswith(".safetensors") for name in names):
        raise CheckpointError(
            f"{index}: names files that are no safetensors beside it; pickles can run code and "
            f"are never read: {REMEDY}"
        )
    return [directory / name for name in names]


def _pickles(directory: Path) -> str:
    """What to say of a folder whose weights are pickles."""
    found = sorted(path.name for path in directory.glob("*") if path.suffix in PICKLES)
    return f" ({found[0]} is a pickle, which could run code, and is never read)" if found else ""


def read_json(path: Path) -> dict[str, Any]:
    """The object in a JSON file. Raises `CheckpointError`."""
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise CheckpointError(f"{path} is missing; {REMEDY}") from None
    except (OSError, ValueError) as error:
        raise CheckpointError(
            f"{path} cannot be read ({error}); delete it, and {REMEDY}"
        ) from error
    if not isinstance(values, dict):
        raise CheckpointError(f"{path} holds no JSON object")
    return values


def integer(values: Mapping[str, Any], key: str, path: Path) -> int:
    """``values[key]``, which ``path`` held, not negative. Raises `CheckpointError`."""
    value = values.get(key)
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise CheckpointError(f"{path}: key {key!r} must be a whole number, not {value!r}")
    return value
