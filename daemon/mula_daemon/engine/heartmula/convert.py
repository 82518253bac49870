"""A copy of a checkpoint in another type of weights, made shard by shard. Engine process only."""

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save_file

from mula_daemon.engine.heartmula.checkpoint import shards

DTYPES = {"bf16": torch.bfloat16, "fp16": torch.float16}
PART = ".part"  # suffix of a file that is being written


def convert(
    root: Path,
    target: Path,
    dtype: torch.dtype,
    castable: Sequence[str],
    say: Callable[[str], None] = lambda name: None,
) -> None:
    """Copy the checkpoint ``root`` to ``target``; weights in the ``castable`` folders are cast.

    Everything else is linked where the disk can do that. Shards that ``target`` has already are
    left alone, so an interrupted conversion goes on. At most one shard is in memory. ``say`` hears
    the name of each file that is written. Raises `CheckpointError` when ``root`` is incomplete.
    """
    cast = {path for folder in castable for path in shards(root / folder)}
    for path in sorted(root.rglob("*")):
        place = target / path.relative_to(root)
        hidden = any(part.startswith(".") for part in path.relative_to(root).parts)
        if not path.is_file() or hidden or place.exists() or path.suffix == PART:
            continue
        say(place.relative_to(target).as_posix())
        place.parent.mkdir(parents=True, exist_ok=True)
        part = place.with_name(place.name + PART)
        part.unlink(missing_ok=True)
        if path in cast:
            _cast(path, part, dtype)
        else:
            _link(path, part)
        part.replace(place)


def _cast(path: Path, part: Path, dtype: torch.dtype) -> None:
    with safe_open(path, framework="pt") as shard:
        metadata = shard.metadata() or {}
        names = list(shard.keys())
        weights = {name: shard.get_tensor(name).to(dtype) for name in names}
    save_file(weights, part, metadata={**metadata, "format": "pt"})


def _link(path: Path, part: Path) -> None:
    try:
        part.hardlink_to(path)
    except OSError:  # another disk, or one that cannot
        shutil.copyfile(path, part)
