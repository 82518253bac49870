"""Mapping files that come with the product, and how a mapping is named on the command line."""

from __future__ import annotations

import sysconfig
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from mula_bridge.errors import BadInput, Unavailable, UnknownName

BASE: Final = "presets"
"""The file that every mapping starts from: the recipes, and the genre_strength curve."""


def bundled_folder() -> Path:
    """The folder of the shipped mapping files. Raises Unavailable when it is not there.

    In a source checkout that is ``mappings/`` at the top; installed, it is
    ``share/mulabridge/mappings`` below the environment.
    """
    tried = list(_folders())
    for folder in tried:
        if (folder / f"{BASE}.yaml").is_file():
            return folder
    raise Unavailable(f"no mapping files in {' or '.join(map(str, tried))}; reinstall mulabridge")


def bundled_names() -> list[str]:
    """The shipped mappings by name, as in ``korg-nanokontrol2``; without the base."""
    names = (path.stem for path in bundled_folder().glob("[!.]*.yaml"))
    return sorted(name for name in names if name != BASE)


def find_mapping(name: str) -> Path:
    """The file that ``name`` means: one of yours by path, or a shipped one by its name.

    Raises BadInput, or UnknownName with the nearest shipped one.
    """
    path = Path(name).expanduser()
    if path.suffix in (".yaml", ".yml"):
        if not path.is_file():
            raise BadInput(f"no mapping file {name}")
        return path
    shipped = bundled_folder() / f"{name}.yaml"
    if name not in (*bundled_names(), BASE):
        raise UnknownName("mapping", name, bundled_names())
    return shipped


def mapping_paths(*names: str) -> list[Path]:
    """The files for ``load_mapping``: the base, then each of ``names`` (see ``find_mapping``)."""
    return [bundled_folder() / f"{BASE}.yaml", *map(find_mapping, names)]


def _folders() -> Iterator[Path]:
    packages = Path(__file__).resolve().parents[2]
    if packages.name == "bridge" and (packages.parent / "pyproject.toml").is_file():
        yield packages.parent / "mappings"
    schemes = (sysconfig.get_default_scheme(), sysconfig.get_preferred_scheme("user"))
    prefixes = [Path(sysconfig.get_path("data", scheme)) for scheme in schemes]
    for prefix in (*prefixes, packages):  # pip --target puts the data beside the packages
        yield prefix / "share" / "mulabridge" / "mappings"
