"""The published weights that `mula pull` fetches: ids and revisions, once. Imports no torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final

from mula_bridge.errors import Unavailable, UnknownName

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
    """Everything one model consists of. ``castable`` are the folders that --dtype converts.

    Releases of one ``engine`` are kept in one folder, where they share what is the same in all of
    them; ``model`` is the folder in there that is this one's alone.
    """

    name: str
    licence: str
    sources: tuple[ReleaseSource, ...]
    engine: str
    model: str
    castable: tuple[str, ...] = ()


MODEL: Final = "HeartMuLa-oss-3B"
RL_MODEL: Final = "HeartMuLa-RL-oss-3B"
CODEC: Final = "HeartCodec-oss"


def _heartmula(name: str, repo: str, model: str) -> Release:
    """A release of HeartMuLa, whose language model is ``repo``."""
    return Release(
        name,
        "Apache-2.0",
        (
            # The commits are not pinned: whoever wrote this could not reach them. The folder's
            # release.json says which ones it holds.
            ReleaseSource("HeartMuLa/HeartMuLaGen", "", ("gen_config.json", "tokenizer.json")),
            ReleaseSource(repo, model),
            ReleaseSource("HeartMuLa/HeartCodec-oss-20260123", CODEC),
        ),
        engine="heartmula",
        model=model,
        # The codec stays as published: bfloat16 convolutions are heard.
        castable=(MODEL, RL_MODEL),
    )


_ROWS = (
    _heartmula("heartmula", "HeartMuLa/HeartMuLa-oss-3B-happy-new-year", MODEL),
    # Trained further by reinforcement: obeys tags more closely, by its makers' word.
    _heartmula("heartmula-rl", "HeartMuLa/HeartMuLa-RL-oss-3B-20260123", RL_MODEL),
)

RELEASES: Final[Mapping[str, Release]] = MappingProxyType({row.name: row for row in _ROWS})


def release(name: str) -> Release:
    """The row called ``name``. Raises UnknownName."""
    try:
        return RELEASES[name]
    except KeyError:
        raise UnknownName("model", name, RELEASES) from None


def default_place(name: str) -> Path:
    """Where a release is kept unless another folder is named. Raises UnknownName."""
    from platformdirs import user_data_path

    return user_data_path("mulabridge", appauthor=False) / "models" / release(name).engine


def named_place(checkpoint: str) -> Path:
    """The folder that ``checkpoint`` means: a release by its name, unless a folder is called so.

    Raises Unavailable for a release that was not pulled.
    """
    row = RELEASES.get(checkpoint)
    if row is None or Path(checkpoint).exists():
        return Path(checkpoint)
    place = default_place(row.name) / row.model
    if not place.is_dir():
        raise Unavailable(f"{row.name} is not here yet: mula pull {row.name} fetches it")
    return place
