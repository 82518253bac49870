"""Where the parts of a HeartMuLa release lie in a folder. Imports no torch.

What a folder is stands in its config.json, not in its name. Known are the layout of the published
instructions, folders named after the repositories, and the cache of huggingface_hub.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any, Final

from mula_bridge.errors import Unavailable
from mula_daemon.weights import CODEC, MODEL, RELEASES

FETCH: Final = "mula pull heartmula --into"
SMALL: Final = ("gen_config.json", "tokenizer.json")
_DEPTH: Final = 3
"""Levels that are searched: a cache has models--A--B/snapshots/COMMIT."""
_MOST: Final = 1000
"""Folders that are looked into, should somebody name a whole disk."""
_CACHED: Final = "models--"
"""How the folder of a repository begins in the cache of huggingface_hub."""
_REPOS: Final = tuple(
    f"{_CACHED}{source.repo.replace('/', '--')}"
    for row in RELEASES.values()
    for source in row.sources
)


@dataclass(frozen=True, slots=True)
class ReleaseLayout:
    """The folder of the small files, and those of the two models."""

    root: Path
    model: Path
    codec: Path


class Half(Enum):
    """The two models of a release, by their usual folders."""

    MODEL = MODEL
    CODEC = CODEC


_BEGINNINGS: Final = {Half.MODEL: ("HeartMuLa-oss-", "HeartMuLa-RL-oss-"), Half.CODEC: (CODEC,)}
"""How their folders are called, whatever their size and date."""


def find_layout(root: Path) -> ReleaseLayout:
    """The parts below ``root``, or, for one of several models of a release, it and what is around.

    Raises Unavailable that says what this folder is instead.
    """
    with contextlib.suppress(RuntimeError):  # ~ of nobody
        root = root.expanduser()
    if root.is_file():
        raise Unavailable(
            f"{root} is a file; name the folder of a whole release with --checkpoint, such as the "
            f"one that {FETCH} DIR makes"
        )
    if not root.is_dir():
        raise Unavailable(f"{root} is no folder; {FETCH} {root} makes it, or mend --checkpoint")
    if (layout := _named_model(root)) is not None:
        return layout
    cache = _cache_of(root)
    folders = list(_folders(cache or root))
    small = next((each for each in folders if _has_small(each)), None)
    found = {half: _choose(half, folders, cache or root) for half in Half}
    model, codec = found[Half.MODEL], found[Half.CODEC]
    if small and model and codec:
        return ReleaseLayout(small, model, codec)
    if (half := _half(root)) is not None and small is None:
        _refuse_half(root, half)
    lacking = [name for name in SMALL if not ((small or root) / name).is_file()]
    lacking += [f"{half.value}/config.json" for half in Half if found[half] is None]
    raise Unavailable(
        f"{root} has no {', no '.join(lacking)}: {_what_it_is(root, folders)}; "
        f"{_remedy(root, cache, model, whole=model is not None and codec is not None)}"
    )


def _named_model(root: Path) -> ReleaseLayout | None:
    """The release around a model that was named itself; None for any other folder."""
    around = root.absolute().parent
    if _half(root) is not Half.MODEL or _has_small(root) or not _has_small(around):
        return None
    codec = _choose(Half.CODEC, list(_folders(around)), around)
    return None if codec is None else ReleaseLayout(around, root, codec)


def _remedy(root: Path, cache: Path | None, model: Path | None, *, whole: bool) -> str:
    if cache is not None:
        return "mula pull heartmula fetches a whole release into a folder of its own"
    if whole:  # which is not to be fetched again, nor another one in its place
        repo = RELEASES["heartmula"].sources[0].repo
        return f"hf download {repo} {' '.join(SMALL)} --local-dir {root} fetches what is missing"
    fitting = (row.name for row in RELEASES.values() if model and model.name == row.model)
    return f"mula pull {next(fitting, 'heartmula')} --into {root} fetches what is missing"


def _what_it_is(root: Path, folders: list[Path]) -> str:
    packed = next((path for each in folders for path in each.glob("[!.]*.[gG][gG][uU][fF]")), None)
    if packed is not None:
        return f"{packed.name} is a GGUF repack, which is not read here"
    return "it is no HeartMuLa release, or a part of one"


def _refuse_half(root: Path, half: Half) -> None:
    """Raises Unavailable for one model alone: with the folder to name, or with what is missing."""
    around = root.parent
    if _half(around) is None and any((around / name).is_file() for name in SMALL):
        raise Unavailable(
            f"{root} is one half of a release; name the folder around it: --checkpoint {around}"
        )
    other = next(each for each in Half if each is not half)
    raise Unavailable(
        f"{root} is the {half.name.lower()} of a release alone, without {', '.join(SMALL)} and "
        f"{other.value}; put it into one folder with those, or {FETCH} DIR fetches a whole one"
    )


def _cache_of(root: Path) -> Path | None:
    """The folder of repositories, when ``root`` is a cache of huggingface_hub or lies in one."""
    for each in (root, *root.absolute().parents):
        if each.name.startswith(_CACHED) and (each / "snapshots").is_dir():
            return each.parent
    inside = any(path.is_dir() for path in root.glob(f"{_CACHED}*"))
    hub = root / "hub"  # its parent, HF_HOME, is named as often
    return root if inside else hub if any(hub.glob(f"{_CACHED}*")) else None


def _folders(root: Path) -> Iterator[Path]:
    """``root`` and what is below, the nearest first; links are followed, hidden ones are not."""
    level, left = [root], _MOST
    for depth in range(_DEPTH + 1):
        below: list[Path] = []
        for folder in level:
            left -= 1
            if left < 0:
                return
            yield folder
            if depth < _DEPTH:
                with contextlib.suppress(OSError):  # not ours to read
                    below += sorted(path for path in folder.iterdir() if _is_visible(path))
        level = below


def _is_visible(path: Path) -> bool:
    return not path.name.startswith(".") and path.is_dir()


def _has_small(folder: Path) -> bool:
    return all((folder / name).is_file() for name in SMALL)


def _choose(half: Half, folders: list[Path], root: Path) -> Path | None:
    """The folder of one model: at its usual place, else of the usual repository, else the nearest.

    Raises Unavailable for several that are as good.
    """
    usual = root / half.value
    found = [folder for folder in folders if _half(folder) is half]
    if not found or usual in found:
        return usual if found else None
    for repo in _REPOS:
        cached = [folder for folder in found if repo in folder.parts]
        if cached:
            return _current(cached)
    nearest = [each for each in found if len(each.parts) == len(found[0].parts)]
    parents = {each.parent for each in nearest}
    if len(nearest) == 1 or (len(parents) == 1 and nearest[0].parent.name == "snapshots"):
        return _current(nearest)
    named = ", ".join(each.relative_to(root).as_posix() for each in nearest)
    raise Unavailable(
        f"{root} has several {half.name.lower()}s, {named}; which is meant cannot be told: "
        + (
            f"name one, as in --checkpoint {nearest[0]}"
            if half is Half.MODEL and _has_small(nearest[0].parent)
            else "move all but one to another place"
        )
    )


def _current(snapshots: list[Path]) -> Path:
    """Of several commits of one repository the one that is checked out, else the newest."""
    for folder in snapshots:
        with contextlib.suppress(OSError):
            main = (folder.parents[1] / "refs" / "main").read_text(encoding="utf-8").strip()
            if folder.name == main:
                return folder
    return max(snapshots, key=lambda folder: folder.stat().st_mtime)


def _half(folder: Path) -> Half | None:
    """Which model a folder holds, by its config.json; by its name where that cannot be read."""
    path = folder / "config.json"
    if not path.is_file():
        return None
    try:
        values: Any = json.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError, RecursionError):
        return next((half for half in Half if folder.name.startswith(_BEGINNINGS[half])), None)
    if not isinstance(values, dict):
        return None
    said = f"{values.get('model_type')} {values.get('architectures')}".lower()
    if "backbone_flavor" in values or "heartmula" in said:
        return Half.MODEL
    if "heartcodec" in said or {"codebook_dim", "num_quantizers"} <= values.keys():
        return Half.CODEC
    return None
