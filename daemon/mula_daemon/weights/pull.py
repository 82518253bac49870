"""Fetching a release into a folder: what is missing, whether it fits, and what was fetched.

A file under its own name is complete and was checked; one that ends in ``.part`` is not. What the
release has no longer is moved aside, and the folder's record is written last: until then a note
says that what lies there may be of two commits.
"""

from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import Any, Final, Protocol

from msgspec import Struct

from mula_bridge.errors import BadInput, Unavailable
from mula_bridge.files import replace_text
from mula_daemon.files import read_json
from mula_daemon.weights.content import flaw, is_hidden
from mula_daemon.weights.failures import unwritable
from mula_daemon.weights.hub import PART, Hub, Listing, RemoteFile, damage
from mula_daemon.weights.releases import Release

RECORD: Final = "release.json"
"""Which commits a folder holds."""
NOTE: Final = ".pulling.json"
"""Which commits are on their way into a folder; there from the first change to the record."""
ASIDE: Final = ".old"
"""Suffix of a file that was moved aside."""
GB: Final = 10**9

log = logging.getLogger(__name__)

Say = Callable[[str], object]


class PullRecord(Struct):
    """What is read of the record: the commit of each repository, and bytes of each file."""

    sources: Mapping[str, str]
    files: Mapping[str, int] = {}


class PullNote(Struct):
    """What is read of the note; ``replacing``: files of another commit were there before."""

    sources: Mapping[str, str]
    replacing: bool = False


class PullProgress(Protocol):
    """Hears how far a pull is, in bytes; 0 where the hub does not say how many."""

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
    def left(self) -> int | None:
        """Bytes still to come, unless it is complete; None when nobody knows."""
        part = self.path.with_name(self.path.name + PART)
        if self.file.size is None:
            return None
        return max(0, self.file.size - (part.stat().st_size if part.exists() else 0))


def pull(
    release: Release,
    root: Path,
    hub: Hub,
    progress: PullProgress,
    *,
    check: bool = False,
    cast: bool = False,
    say: Say = log.warning,
) -> int:
    """Fetch what ``root`` lacks of ``release``; the number of files fetched.

    ``check`` reads everything again that is there already; ``cast`` sees to it that there is room
    for a copy in 16 bits too. ``say`` hears of what is moved aside. Raises Unavailable when the
    hub or the disk cannot.
    """
    listings = [hub.listing(each.repo, each.revision, each.wanted) for each in release.sources]
    known, begun = _record(root), _note(root)
    missing: list[Wanted] = []
    spare = 0
    for source, listing in zip(release.sources, listings, strict=True):
        if cast and source.folder in release.castable:
            spare += sum(file.size or 0 for file in listing.files) // 2
        is_new = known.sources.get(source.repo) not in (None, listing.commit)
        other = begun.sources.get(source.repo) not in (None, listing.commit)
        for file in listing.files:
            wanted = Wanted(listing, file, root / source.folder / file.name)
            if other:  # what has arrived of another commit's file is of no use
                wanted.path.with_name(wanted.path.name + PART).unlink(missing_ok=True)
            size = known.files.get(wanted.path.relative_to(root).as_posix())
            if not _is_complete(wanted, check=check, is_new=is_new or other, recorded=size):
                missing.append(wanted)
    left = [wanted.left for wanted in missing]
    require_space(root, sum(size or 0 for size in left) + spare)
    sources = {listing.repo: listing.commit for listing in listings}
    try:
        root.mkdir(parents=True, exist_ok=True)
        if missing:
            replacing = begun.replacing or any(wanted.path.exists() for wanted in missing)
            begin(root, sources, replacing=replacing)
        progress.begin(len(missing), 0 if None in left else sum(size or 0 for size in left))
        for wanted in missing:
            progress.file(wanted.path.relative_to(root).as_posix(), wanted.file.size or 0)
            hub.fetch(wanted.listing, wanted.file, wanted.path, progress.arrived)
        files: dict[str, int] = {}
        for source, listing in zip(release.sources, listings, strict=True):
            folder = root / source.folder
            names = [file.name for file in listing.files]
            files |= {
                (folder / name).relative_to(root).as_posix(): (folder / name).stat().st_size
                for name in names
            }
            for path in set_aside(folder, source.wanted, names):
                say(f"{path} is no part of {source.repo} any more: it is {path.name}{ASIDE} now")
        # Another release of the folder may have files of its own there.
        sources, files = {**known.sources, **sources}, {**known.files, **files}
        write_record(root, release.name, sources, files=files)
    except OSError as error:
        raise unwritable(root, error) from error
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


def set_aside(folder: Path, patterns: Sequence[str], names: Sequence[str]) -> list[Path]:
    """Rename what matches ``patterns`` in ``folder`` and is not among ``names``; what it was.

    Nothing is deleted, but what was set aside before under the same name. Raises OSError.
    """
    moved = []
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        wanted = any(fnmatch(path.name, pattern) for pattern in patterns)
        if wanted and path.name not in names and not is_hidden(path.name) and path.is_file():
            path.replace(path.with_name(path.name + ASIDE))
            moved.append(path)
    return moved


def read_record(root: Path) -> Mapping[str, str]:
    """Repository -> commit of what a folder holds; empty when it does not say."""
    return _record(root).sources


def is_half_replaced(root: Path) -> bool:
    """Whether files of two commits may lie in a folder, because a pull or a copy was broken off."""
    return _note(root).replacing


def begin(root: Path, sources: Mapping[str, str], *, replacing: bool) -> None:
    """Note that ``root`` is being changed; the record ends that. Raises OSError."""
    content = {"sources": dict(sources), "replacing": replacing}
    replace_text(root / NOTE, json.dumps(content) + "\n")


def write_record(root: Path, name: str, sources: Mapping[str, str], **more: Any) -> None:
    """Say in ``root`` what it holds; last of all. Raises OSError."""
    content = {"release": name, "sources": dict(sources), **more}
    root.mkdir(parents=True, exist_ok=True)
    replace_text(root / RECORD, json.dumps(content, indent=2) + "\n")
    (root / NOTE).unlink(missing_ok=True)


def _record(root: Path) -> PullRecord:
    try:
        return read_json(root / RECORD, PullRecord)
    except (OSError, BadInput):
        return PullRecord({})


def _note(root: Path) -> PullNote:
    try:
        return read_json(root / NOTE, PullNote)
    except (OSError, BadInput):
        return PullNote({})


def _is_complete(wanted: Wanted, *, check: bool, is_new: bool, recorded: int | None) -> bool:
    """Whether a file is there already; ``recorded`` is how long it was when it was fetched."""
    path, file = wanted.path, wanted.file
    if not path.is_file():
        return False
    if is_new and not file.sha256:  # nothing tells it from the one of the other commit
        return False
    if check or is_new:
        return damage(path, file) is None
    size = path.stat().st_size
    if file.size is None and recorded is None:
        return flaw(path) is None
    return size in (file.size, recorded)
