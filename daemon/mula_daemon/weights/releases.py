"""The published weights that `mula pull` fetches: ids and revisions, once. Imports no torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final

from mula_bridge.errors import UnknownName

WEIGHTS: Final = ("config.json", "*.safetensors", "*.safetensors.index.json")
"""What is wanted of a folder with weights: never pickles, which can run code."""


@dataclass(frozen=True, slots=True)
class ReleaseSource:
    """One repository: ``wanted`` are patterns of its files, which go into ``folder``.

    ``revision`` is a branch, tag or commit.
    """

    repo: str
    folder: str
    wanted: tuple[str, ...] = WEIGHTS
    revision: str = "main"


@dataclass(frozen=True, slots=True)
class Release:
    """Everything one model consists of. ``castable`` are the folders that --dtype converts."""

    name: str
    licence: str
    sources: tuple[ReleaseSource, ...]
    castable: tuple[str, ...] = ()


MODEL: Final = "HeartMuLa-oss-3B"
CODEC: Final = "HeartCodec-oss"

_ROWS = (
    Release(
        "heartmula",
        "Apache-2.0",
        (
            # The commits are not pinned: whoever wrote this could not reach them. The folder's
            # release.json says which ones it holds.
            ReleaseSource("HeartMuLa/HeartMuLaGen", "", ("gen_config.json", "tokenizer.json")),
            ReleaseSource("HeartMuLa/HeartMuLa-oss-3B-happy-new-year", MODEL),
            ReleaseSource("HeartMuLa/HeartCodec-oss-20260123", CODEC),
        ),
        # The codec stays as published: bfloat16 convolutions are heard.
        castable=(MODEL,),
    ),
)

RELEASES: Final[Mapping[str, Release]] = MappingProxyType({row.name: row for row in _ROWS})


def release(name: str) -> Release:
    """The row called ``name``. Raises UnknownName."""
    try:
        return RELEASES[name]
    except KeyError:
        raise UnknownName("model", name, RELEASES) from None


def default_place(name: str) -> Path:
    """Where a release is kept unless another folder is named."""
    from platformdirs import user_data_path

    return user_data_path("mulabridge", appauthor=False) / "models" / name
