"""Where the parts of a HeartMuLa release lie in a folder. Imports no torch.

Both the layout of the published instructions and folders named after the repositories are known.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mula_bridge.errors import Unavailable
from mula_daemon.weights import CODEC, MODEL

FETCH = "mula pull heartmula --into"


@dataclass(frozen=True, slots=True)
class ReleaseLayout:
    """The folder of the small files, and those of the two models."""

    root: Path
    model: Path
    codec: Path


def find_layout(root: Path) -> ReleaseLayout:
    """The parts below ``root``. Raises Unavailable that says what this folder is instead."""
    root = root.expanduser()
    if not root.is_dir():
        raise Unavailable(f"{root} is no folder; {FETCH} {root} makes it, or mend --checkpoint")
    if root.name.startswith(("HeartMuLa-oss", "HeartCodec-oss")) or (
        (root / "config.json").is_file() and (root.parent / "gen_config.json").is_file()
    ):
        raise Unavailable(
            f"{root} is one half of a release; name the folder around it: "
            f"--checkpoint {root.parent}"
        )
    missing = [
        name for name in ("gen_config.json", "tokenizer.json") if not (root / name).is_file()
    ]
    model, codec = _folder(root, MODEL), _folder(root, CODEC)
    missing += [f"{folder.name}/config.json" for folder in (model, codec) if not _is_there(folder)]
    if missing:
        raise Unavailable(
            f"{root} has no {', no '.join(missing)}: it is no HeartMuLa release, or a part of one; "
            f"{FETCH} {root} fetches what is missing"
        )
    return ReleaseLayout(root, model, codec)


def _folder(root: Path, name: str) -> Path:
    """``root/name``, or a folder whose name begins so, as the repositories' names do."""
    exact = root / name
    others = sorted(path for path in root.glob(f"{name}*") if _is_there(path))
    return exact if _is_there(exact) or not others else others[0]


def _is_there(folder: Path) -> bool:
    return (folder / "config.json").is_file()
