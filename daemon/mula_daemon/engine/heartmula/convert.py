"""A copy of a checkpoint in another type of weights, made shard by shard. Engine process only."""

import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from mula_bridge.errors import Unavailable
from mula_daemon.engine.heartmula.layout import find_layout
from mula_daemon.engine.heartmula.parts import CheckpointError, missing, require_sound, shards
from mula_daemon.weights import (
    ASIDE,
    RECORD,
    WEIGHTS,
    begin,
    is_half_replaced,
    metadata_of,
    read_record,
    set_aside,
)

DTYPES = {"bf16": torch.bfloat16, "fp16": torch.float16}
PART = ".part"  # suffix of a file that is being written
MADE_OF = "made_of"  # in a shard's metadata: size and time of what it was made of
FAT_TIME_NS = 2_000_000_000  # file systems of old keep time in steps of two seconds


def convert(
    root: Path,
    target: Path,
    dtype: torch.dtype,
    castable: Sequence[str],
    say: Callable[[str], None] = lambda name: None,
) -> None:
    """Copy the checkpoint ``root`` to ``target``; weights in the ``castable`` folders are cast.

    Everything else is linked where the disk can do that; links in ``root`` are followed. What
    ``target`` has already is left alone if it was made of what ``root`` has now, so an interrupted
    conversion goes on; what ``root`` has no longer is moved aside. At most one shard is in memory.
    ``say`` hears the name of each file that is written or moved. The record is for the caller to
    write, last. Raises `CheckpointError` when ``root`` is incomplete or damaged, or the copy is,
    and Unavailable when ``target`` cannot be written.
    """
    require_sound(find_layout(root))
    there = [root / folder for folder in castable if (root / folder).is_dir()]
    cast = {path for folder in there for path in shards(folder)}
    files = [path for path in walk(root) if path != root / RECORD]
    places = {path: target / path.relative_to(root) for path in files}
    todo = [path for path in files if not _is_made(path, places[path], path in cast)]
    try:
        if todo or is_half_replaced(target):
            target.mkdir(parents=True, exist_ok=True)
            begin(target, read_record(root), replacing=True)
        for path in todo:
            place = places[path]
            say(f"converting {place.relative_to(target).as_posix()}")
            place.parent.mkdir(parents=True, exist_ok=True)
            part = place.with_name(place.name + PART)
            part.unlink(missing_ok=True)
            try:
                if path in cast:
                    _cast(path, part, dtype, root)
                else:
                    _link(path, part)
                part.replace(place)
            finally:
                part.unlink(missing_ok=True)
        for folder in {path.parent for path in files}:
            place = target / folder.relative_to(root)
            names = [path.name for path in files if path.parent == folder]
            for gone in set_aside(place, WEIGHTS, names):
                say(f"moved aside {gone.relative_to(target).as_posix()}")
    except OSError as error:
        raise _unwritable(target, error) from error
    require_sound(find_layout(target), is_recorded=False)


def walk(root: Path, above: frozenset[tuple[int, int]] = frozenset()) -> Iterator[Path]:
    """Every file below ``root`` but hidden ones, unfinished ones and those moved aside, by name.

    Links are followed, and a link to a folder that it lies in is left out. Raises
    `CheckpointError` for weights that are a link to nothing.
    """
    here = root.stat()
    known = (here.st_dev, here.st_ino)
    if known in above:
        return
    for path in sorted(root.iterdir()):
        if path.name.startswith(".") or path.suffix in (PART, ASIDE):
            continue
        if path.is_dir():
            yield from walk(path, above | {known})
        elif path.is_file():
            yield path
        elif path.suffix in (".json", ".safetensors"):
            raise missing(path)


def _is_made(path: Path, place: Path, is_cast: bool) -> bool:
    """Whether ``place`` was made of ``path`` as it is now."""
    if not place.is_file():
        return False
    if is_cast:
        try:
            return metadata_of(place).get(MADE_OF) == _stamp(path)
        except ValueError:
            return False
    if place.samefile(path):
        return True
    mine, its = place.stat(), path.stat()
    return mine.st_size == its.st_size and abs(mine.st_mtime_ns - its.st_mtime_ns) < FAT_TIME_NS


def _stamp(path: Path) -> str:
    found = path.stat()
    return f"{found.st_size}-{found.st_mtime_ns}"


def _cast(path: Path, part: Path, dtype: torch.dtype, root: Path) -> None:
    stamp = _stamp(path)
    try:
        with safe_open(path, framework="pt") as shard:
            metadata = shard.metadata() or {}
            weights = {name: _as(shard.get_tensor(name), dtype) for name in list(shard.keys())}
    except (SafetensorError, OSError, ValueError) as error:
        raise CheckpointError(
            f"{path} is damaged ({error}); mula pull heartmula (or heartmula-rl) --into {root} "
            "--check fetches it anew"
        ) from error
    try:
        save_file(weights, part, metadata={**metadata, "format": "pt", MADE_OF: stamp})
        with part.open("rb+") as file:
            os.fsync(file.fileno())
    except (SafetensorError, OSError) as error:
        raise _unwritable(part.parent, error) from error


def _as(tensor: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    return tensor.to(dtype) if tensor.is_floating_point() else tensor


def _link(path: Path, part: Path) -> None:
    source = path.resolve()  # a link to a link may lead nowhere from there
    try:
        part.hardlink_to(source)
    except OSError:  # another disk, or one that cannot
        shutil.copyfile(source, part)
        found = source.stat()
        os.utime(part, ns=(found.st_atime_ns, found.st_mtime_ns))


def _unwritable(folder: Path, error: Exception) -> Unavailable:
    return Unavailable(
        f"{folder} cannot be written ({error}); make room there, or pull --into another disk: what "
        "is done already stays"
    )
