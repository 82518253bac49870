"""The folder of clips: WAV files for the DAW, and what we know of them, hidden beside.

`clip_files` says where what lies. The WAV appears last, so a WAV that can be seen is
complete. Kept, rejected and archived clips lie in a folder each below, as whole as the new
ones; `shelves` moves them.
"""

from __future__ import annotations

import contextlib
import errno
import itertools
import logging
import math
import os
import shutil
import stat
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mula_bridge.errors import BadInput, Busy, Unavailable, UnknownName
from mula_bridge.files import read_text
from mula_daemon.clips import moves, naming
from mula_daemon.clips.files import (
    ARCHIVE,
    HERE,
    HIDDEN,
    MIDI_FOLDER,
    SHELVES,
    SIDECAR,
    STEMS_FOLDER,
    WAV,
    ClipFiles,
    is_below,
    is_clip_name,
    is_day,
)
from mula_daemon.clips.recipe import Recipe, from_json
from mula_daemon.files import LOCK_S, SUFFIX, Part, locked, sweep

_SPARE_BYTES: Final = 16 << 20
"""Room to leave on the disk; with less it counts as full."""
_GONE: Final = (errno.ENOENT, errno.ENOTDIR, errno.ESTALE, errno.ENODEV, errno.ENXIO)
_FORBIDDEN: Final = (errno.EACCES, errno.EPERM, errno.EROFS)
_FULL: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)

_log = logging.getLogger(__name__)


class FolderUnread(Unavailable):
    """A folder below the clip folder cannot be read; that says nothing of the others."""


@dataclass(frozen=True, slots=True)
class Clip:
    """A complete clip in the folder."""

    recipe: Recipe
    path: Path
    sidecar: Path

    @property
    def codes_path(self) -> Path | None:
        """Where its codes are; None when its engine made none."""
        return self.sidecar.with_name(self.recipe.codes) if self.recipe.codes else None

    @property
    def stem_paths(self) -> dict[str, Path]:
        """Where its stems are, by instrument; empty when it has none."""
        return {name: self._inside(path) for name, path in self.recipe.stems.items()}

    @property
    def midi_path(self) -> Path | None:
        """Where its notes are; None when its engine's codes are none."""
        return self._inside(self.recipe.midi) if self.recipe.midi else None

    def files(self) -> tuple[Path, ...]:
        """Every file of it that is there, the sidecar and then the WAV last.

        To move a clip is to move all of these, each to the same place below another
        folder (``path.relative_to(clip.path.parent)``). Raises BadInput for a sidecar
        that names a file outside.
        """
        named = (self.codes_path, self.midi_path, *self.stem_paths.values())
        every = (*filter(None, named), self.sidecar, self.path)
        return tuple(path for path in every if os.path.lexists(path))

    def _inside(self, name: str) -> Path:
        """The file that the sidecar names, below the clip's folder."""
        if not is_below(name):
            raise BadInput(f"{self.sidecar}: {name!r} is no file below the clip's folder")
        return self.path.parent / name

    def codes(self) -> NDArray[np.int32]:
        """Its codes, int32 [frames, codebooks]. Raises BadInput when they cannot be read."""
        path = self.codes_path
        if path is None:
            raise BadInput(f"clip {self.recipe.id} has no codes")
        try:
            with np.load(path, allow_pickle=False) as archive:
                codes: NDArray[np.int32] = archive["codes"]
        except Exception as error:  # a damaged archive raises whatever its zip reader met
            raise BadInput(f"{path}: cannot be read as codes: {error}") from error
        return codes


class Library:
    """One folder of clips. Any thread; several daemons may share a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.expanduser().absolute()
        self.hidden = self.folder / HIDDEN
        self._seen: dict[str, ClipFiles] = {}
        """Where each clip was when it was last looked for."""
        self._mover = threading.Lock()
        """Of our own threads the next one has its turn at once; other programs are asked again
        and again, see `locked`."""

    def prepare(self) -> list[Path]:
        """Make the folder ready, and mend what dead processes left; what was swept.

        Once, at start. Raises as ``make_ready`` and ``mend`` do.
        """
        self.make_ready()
        return self.mend()

    def make_ready(self) -> None:
        """Make the folder, and see that it can be written, however much lies in it.

        Raises Unavailable with a remedy.
        """
        with self.in_words():
            self.folder.mkdir(parents=True, exist_ok=True)
            self.make_hidden()
            trial = Part(self.hidden / f"writable-{os.getpid()}-{naming.new_id()}")
            trial.discard()

    def mend(self) -> list[Path]:
        """Carry out a move that was interrupted, and sweep dead parts; those that were swept.

        Some 5 us for each file. Raises Unavailable with a remedy, and Busy when another
        program holds a file that was on the move.
        """
        with self.moving():
            return self._sweep()

    @contextlib.contextmanager
    def moving(self) -> Iterator[None]:
        """Be the only one who moves clips, after whoever was interrupted at it.

        Raises Busy when another program holds a file on the move, or somebody has moved clips
        for seconds, and Unavailable.
        """
        with self._alone():
            moves.resume(self.folder)
            yield

    @contextlib.contextmanager
    def still(self) -> Iterator[None]:
        """Have nobody move clips meanwhile. Raises as ``moving`` does, but for a move that was
        interrupted and cannot be carried out now: until it is, its clip is whole where it was.
        """
        with self._alone():
            try:
                moves.resume(self.folder)
            except (Busy, OSError) as error:  # whoever moved it was told, and so is the next
                _log.debug("a move waits: %s", error)
            yield

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        if not self._mover.acquire(timeout=LOCK_S):
            raise Busy(
                f"clips in {self.folder} have been moved for {LOCK_S:g} s: is the disk busy? Try "
                "again in a few seconds"
            )
        try:
            with self.in_words():
                self.make_hidden()  # somebody may have emptied the folder
                with locked(self.hidden, LOCK_S):
                    yield
        finally:
            self._mover.release()

    def require(self, size: int) -> None:
        """See that ``size`` bytes fit now. Raises Unavailable with a remedy."""
        with self.in_words():
            # Not with its parents: a drive that was pulled must not come back as a folder.
            self.make_hidden()
            if _free(self.folder) < size + _SPARE_BYTES:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    @contextlib.contextmanager
    def in_words(self) -> Iterator[None]:
        """Raise Unavailable for an OSError: what is wrong with the folder, and the remedy."""
        try:
            yield
        except OSError as error:
            words = f"the clip folder {self.folder} {self._diagnosis(error)}"
            raise Unavailable(words) from error

    def new_id(self) -> str:
        """An id that no clip of this folder has. Looks at every name; see `Catalogue`."""
        return naming.new_id(set(self.places()))

    def free_stems(self, stem: str, place: PurePath = HERE) -> Iterator[str]:
        """``stem`` and then ``stem-2``, ``stem-3`` and so on, leaving out those in use there."""
        for number in itertools.count(1):
            name = stem if number == 1 else f"{stem}-{number}"
            files = self.files_of(name, place)
            if not any(os.path.lexists(path) for path in files.main()):
                yield name

    def files_of(self, stem: str, place: PurePath = HERE) -> ClipFiles:
        """Where the files of a new clip named ``stem`` are, or would be, at ``place``."""
        return ClipFiles(self.folder / place, stem)

    def clips(self, report: Callable[[BadInput], None] | None = None) -> list[Clip]:
        """Every complete clip that is not archived, oldest first.

        A sidecar that cannot be read is left out and given to ``report`` (by default,
        to the log). One whose WAV was moved or deleted is left out too.
        """
        found = []
        for files in self.places(archived=False).values():
            try:
                found.append(read_clip(files))
            except BadInput as error:
                (report or _log.warning)(error)
        return sorted(found, key=age)

    def find(self, clip_id: str) -> Clip:
        """The clip with that id, archived or not, as it is on the disk now.

        Looks where it was last, and only then everywhere. Raises UnknownName, BadInput
        for a broken sidecar, and Unavailable when the folder has gone, or one below it that may
        have the clip cannot be read.
        """
        files = self._seen.get(clip_id)
        unread: list[FolderUnread] = []
        if files is None or not files.are_there():
            self._seen = self.places(unread=unread.append)
            files = self._seen.get(clip_id)
        if files is None:
            with self.in_words():
                self.folder.stat()  # or nobody knows
            for error in unread:
                raise error
            raise UnknownName("clip", clip_id, self._seen)
        return read_clip(files)

    def note(self, clip_id: str, files: ClipFiles) -> None:
        """Know where a clip went, so that it need not be looked for. Any thread."""
        self._seen[clip_id] = files

    def count(self) -> int:
        """How many clips there are."""
        return len(self.places(archived=False))

    def places(
        self, *, archived: bool = True, unread: Callable[[FolderUnread], None] = _log.warning
    ) -> dict[str, ClipFiles]:
        """Where every complete clip is, by id; of one that is just being moved, where it goes.

        An id that two names have (a file manager made a copy) is the shorter name's. A folder
        below that cannot be read is left out and given to ``unread`` (by default, to the log).
        Some 2 us for each file. Raises Unavailable.
        """
        found: dict[str, ClipFiles] = {}
        for folder in self.folders(archived=archived):
            try:
                names = sorted(self.sidecars(folder), key=lambda name: (len(name), name))
            except FolderUnread as error:
                unread(error)
                continue
            for name in names:
                found.setdefault(naming.id_of(name), ClipFiles(folder, name))
        return found

    def make_hidden(self, folder: Path | None = None) -> None:
        """Make the hidden folder in ``folder`` (None: in this one). Raises OSError."""
        hidden = (folder or self.folder) / HIDDEN
        if hidden.is_dir():
            return
        hidden.mkdir()
        if sys.platform == "win32":  # where a leading dot hides nothing
            import ctypes

            ctypes.windll.kernel32.SetFileAttributesW(str(hidden), 2)

    def folders(self, *, archived: bool = False) -> Iterator[Path]:
        """Every folder that clips may lie in: the shelves and their days, then the new ones.

        The archive comes last, if ``archived``.
        """
        shelves = [shelf for shelf in SHELVES.values() if shelf]
        for shelf in (*shelves, "", *([ARCHIVE] if archived else [])):
            yield from _places(self.folder / shelf)

    def sidecars(self, folder: Path) -> dict[str, os.DirEntry[str]]:
        """The sidecar of every complete clip in ``folder``, one of ``folders``, by the clip's name.

        Raises Unavailable, or FolderUnread that names ``folder``.
        """
        try:
            there = _stems(folder, WAV).keys()
            sidecars = _stems(folder / HIDDEN, SIDECAR)
        except FileNotFoundError:
            return {}
        except OSError as error:
            if error.errno == errno.ENOTDIR and folder != self.folder:
                return {}  # a file has its name
            words = f"the clip folder {folder} "
            if folder == self.folder:
                raise Unavailable(words + self._diagnosis(error)) from error
            words += f"cannot be read ({error}): its clips are left out until it can be"
            raise FolderUnread(words) from error
        return {name: sidecars[name] for name in there & sidecars.keys() if is_clip_name(name)}

    def _sweep(self) -> list[Path]:
        """Remove dead parts, and what was made for a WAV that never got its name."""
        swept = []
        for folder in self.folders(archived=True):
            for inner in (HIDDEN, MIDI_FOLDER, STEMS_FOLDER):
                swept += [part for part in _parts(folder / inner) if sweep(part)]
            for part in _parts(folder):
                if part.name.endswith(f"{WAV}{SUFFIX}") and sweep(part):
                    swept.append(part)
                    name = part.name.removesuffix(f"{WAV}{SUFFIX}").removeprefix(".")
                    files = ClipFiles(folder, name)
                    if not os.path.lexists(files.wav):
                        for path in files.leftovers():
                            with contextlib.suppress(OSError):  # it hides or spoils nothing
                                path.unlink()
        return swept

    def _diagnosis(self, error: OSError) -> str:
        if error.errno in _FULL or self._is_full():
            return "is on a full disk: make room there, or choose another folder"
        if error.errno in _GONE or not self.folder.is_dir():
            return "has gone: plug its drive in or create it again, or choose another folder"
        if error.errno in _FORBIDDEN:
            return "cannot be written to: change its permissions, or choose another folder"
        return f"cannot be used ({error}): choose another folder"

    def _is_full(self) -> bool:
        try:
            return _free(self.folder) < _SPARE_BYTES
        except OSError:
            return False


def _free(folder: Path) -> float:
    """Bytes that are free there; some cloud and network drives say of all they have that it is
    nothing, which is no full disk. Raises OSError."""
    total, _, free = shutil.disk_usage(folder)
    return free if total else math.inf


def _places(root: Path) -> Iterator[Path]:
    """``root``, its days, and the jobs of each day."""
    yield root
    for day in _folders(root):
        if is_day(day.name):
            yield day
            yield from (job for job in _folders(day) if os.path.lexists(job / HIDDEN))


def _parts(folder: Path) -> list[Path]:
    """What is being written there, or was; not the shadows that macOS adds to it."""
    try:
        with os.scandir(folder) as entries:
            names = [entry.name for entry in entries if entry.name.endswith(SUFFIX)]
    except OSError:  # it is not there, or cannot be read: the next start may fare better
        return []
    return [folder / name for name in names if name[:1] == "." and name[:2] != "._"]


def _folders(folder: Path) -> list[Path]:
    try:
        with os.scandir(folder) as entries:
            return sorted(Path(entry.path) for entry in entries if _is_folder(entry))
    except OSError:
        return []


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to where nobody may look, which says nothing of the others
        return False


def _stems(folder: Path, ending: str) -> dict[str, os.DirEntry[str]]:
    with os.scandir(folder) as entries:  # ten times faster than a Path for each
        return {e.name.removesuffix(ending): e for e in entries if e.name.endswith(ending)}


def age(clip: Clip) -> tuple[str, str]:
    """What clips are sorted by, oldest first."""
    return clip.recipe.created, clip.recipe.id


def read_clip(files: ClipFiles) -> Clip:
    """The clip as its sidecar has it now. Raises BadInput when that cannot be read."""
    try:
        if stat.S_ISFIFO(files.sidecar.stat().st_mode):  # which would be waited for
            raise BadInput(f"{files.sidecar}: is no file; remove it")
        text = read_text(files.sidecar)
    except OSError as error:
        raise BadInput(f"{files.sidecar}: cannot be read: {error}") from error
    recipe = from_json(text, str(files.sidecar))
    if recipe.id != naming.id_of(files.name):  # or it would stand for the other one
        raise BadInput(f"{files.sidecar}: is the sidecar of clip {recipe.id}, not of this one")
    return Clip(recipe, files.wav, files.sidecar)
