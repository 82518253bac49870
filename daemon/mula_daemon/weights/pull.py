"""Fetching a release into a folder: what is missing, whether it fits, and what was fetched.

A file under its own name is complete and was checked; one that ends in ``.part`` is not.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

from msgspec import Struct

from mula_bridge.errors import BadInput, Unavailable
from mula_bridge.files import replace_text
from mula_daemon.files import read_json
from mula_daemon.weights.hub import PART, Hub, Listing, RemoteFile, damage
from mula_daemon.weights.releases import Release

RECORD: Final = "release.json"
"""Which commits a folder holds."""
GB: Final = 10**9


class PullRecord(Struct):
    """What is read of the record: the commit of each repository."""

    sources: Mapping[str, str]


class PullProgress(Protocol):
    """Hears how far a pull is, in bytes."""

    def begin(self, files: int, left: int) -> None: ...
    def file(self, name: str, size: int) -> None: ...
    def arrived(self, count: int) -> None: ...


@dataclass(frozen=True, slots=True)
class Wanted:
    """One file of the plan, and where it goes."""

    listing: Listing
    file: RemoteFile
    path: Path

    @property
    def left(self) -> int:
        """Bytes still to come, unless it is complete."""
        part = self.path.with_name(self.path.name + PART)
        return self.file.size - (part.stat().st_size if part.exists() else 0)


def pull(
    release: Release,
    root: Path,
    hub: Hub,
    progress: PullProgress,
    *,
    check: bool = False,
    cast: bool = False,
) -> int:
    """Fetch what ``root`` lacks of ``release``; the number of files fetched.

    ``check`` reads everything again that is there already; ``cast`` sees to it that there is room
    for a copy in 16 bits too. Raises Unavailable when the hub or the disk cannot.
    """
    listings = [hub.listing(each.repo, each.revision, each.wanted) for each in release.sources]
    known = read_record(root)
    missing = []
    spare = 0
    for source, listing in zip(release.sources, listings, strict=True):
        if cast and source.folder in release.castable:
            spare += sum(file.size for file in listing.files) // 2
        moved = known.get(source.repo) not in (None, listing.commit)
        for file in listing.files:
            wanted = Wanted(listing, file, root / source.folder / file.name)
            if not _complete(wanted, check or moved):
                missing.append(wanted)
    left = sum(wanted.left for wanted in missing)
    require_space(root, left + spare)
    progress.begin(len(missing), left)
    for wanted in missing:
        progress.file(wanted.path.relative_to(root).as_posix(), wanted.file.size)
        hub.fetch(wanted.listing, wanted.file, wanted.path, progress.arrived)
    write_record(root, release.name, {each.repo: each.commit for each in listings})
    return len(missing)


def require_space(root: Path, needed: int) -> None:
    """Raises Unavailable unless the disk of ``root`` has ``needed`` bytes free."""
    place = root
    while not place.exists():
        place = place.parent
    free = shutil.disk_usage(place).free
    if free < needed:
        raise Unavailable(
            f"{needed / GB:.1f} GB are needed and {place} has {free / GB:.1f} GB free; make room, "
            "or name another folder with --into"
        )


def read_record(root: Path) -> Mapping[str, str]:
    """Repository -> commit of what a folder holds; empty when it does not say."""
    try:
        return read_json(root / RECORD, PullRecord).sources
    except (OSError, BadInput):
        return {}


def write_record(root: Path, name: str, sources: Mapping[str, str], **more: Any) -> None:
    """Say in ``root`` what it holds."""
    content = {"release": name, "sources": dict(sources), **more}
    root.mkdir(parents=True, exist_ok=True)
    replace_text(root / RECORD, json.dumps(content, indent=2) + "\n")


def _complete(wanted: Wanted, check: bool) -> bool:
    if not wanted.path.is_file() or wanted.path.stat().st_size != wanted.file.size:
        return False
    return not check or damage(wanted.path, wanted.file) is None
