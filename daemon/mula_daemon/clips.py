"""The folder of clips: WAV files for the DAW, and what we know of them, hidden beside.

``FOLDER/NAME.wav`` is a clip. ``FOLDER/.mula/NAME.json`` is its sidecar, and
``FOLDER/.mula/NAME.npz`` holds its codes. The WAV appears last, so a WAV that can be
seen is complete.
"""

from __future__ import annotations

import errno
import itertools
import logging
import os
import platform
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mula_bridge.errors import BadInput, Unavailable, UnknownName
from mula_daemon import naming
from mula_daemon.atomic import SUFFIX, Part, sweep
from mula_daemon.recipe import Recipe, from_json

HIDDEN: Final = ".mula"
WAV: Final = ".wav"
SIDECAR: Final = ".json"
CODES: Final = ".npz"
_SPARE_BYTES: Final = 16 << 20
"""Room to leave on the disk; with less it counts as full."""
_GONE: Final = (errno.ENOENT, errno.ENOTDIR, errno.ESTALE, errno.ENODEV, errno.ENXIO)
_FORBIDDEN: Final = (errno.EACCES, errno.EPERM, errno.EROFS)
_FULL: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)

_log = logging.getLogger(__name__)


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


def default_folder() -> Path:
    """Where clips go when nobody says: in Live's User Library if there is one, else in Music."""
    import platformdirs

    music = platformdirs.user_music_path()
    live = {
        "Darwin": music / "Ableton" / "User Library",
        "Windows": platformdirs.user_documents_path() / "Ableton" / "User Library",
    }.get(platform.system())
    if live is not None and live.is_dir():
        return live / "Samples" / "mulabridge"
    return music / "mulabridge"


class Library:
    """One folder of clips. Any thread; several daemons may share a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.expanduser().absolute()
        self.hidden = self.folder / HIDDEN

    def prepare(self) -> list[Path]:
        """Make the folder, see that it can be written, and sweep what dead processes left.

        Once, at start. Returns what was swept. Raises Unavailable with a remedy.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._make_hidden()
            trial = Part(self.hidden / f"writable-{os.getpid()}-{naming.new_id()}")
            trial.discard()
            return self._sweep()
        except OSError as error:
            raise self.unavailable(error) from error

    def require(self, size: int) -> None:
        """See that ``size`` bytes fit now. Raises Unavailable with a remedy."""
        try:
            # Not with its parents: a drive that was pulled must not come back as a folder.
            self._make_hidden()
            if shutil.disk_usage(self.folder).free < size + _SPARE_BYTES:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError as error:
            raise self.unavailable(error) from error

    def unavailable(self, error: OSError) -> Unavailable:
        """``error`` in plain words: what is wrong with the folder, and the remedy."""
        return Unavailable(f"the clip folder {self.folder} {self._diagnosis(error)}")

    def new_id(self) -> str:
        """An id that no clip of this folder has."""
        return naming.new_id({naming.id_of(name) for name in self._stems()})

    def free_stems(self, stem: str) -> Iterator[str]:
        """``stem`` and then ``stem-2``, ``stem-3`` and so on, leaving out those in use."""
        for number in itertools.count(1):
            name = stem if number == 1 else f"{stem}-{number}"
            if not any(os.path.lexists(path) for path in self.paths(name)):
                yield name

    def paths(self, stem: str) -> tuple[Path, Path, Path]:
        """Where the WAV, the sidecar and the codes of a clip named ``stem`` are."""
        return (
            self.folder / f"{stem}{WAV}",
            self.hidden / f"{stem}{SIDECAR}",
            self.hidden / f"{stem}{CODES}",
        )

    def clips(self, report: Callable[[BadInput], None] | None = None) -> list[Clip]:
        """Every complete clip, oldest first.

        A sidecar that cannot be read is left out and given to ``report`` (by default,
        to the log). One whose WAV was moved or deleted is left out too.
        """
        found = []
        for stem in self._stems():
            try:
                found.append(self._clip(stem))
            except BadInput as error:
                if report is None:
                    _log.warning("%s", error)
                else:
                    report(error)
        return sorted(found, key=lambda clip: (clip.recipe.created, clip.recipe.id))

    def find(self, clip_id: str) -> Clip:
        """The clip with that id. Raises UnknownName, and BadInput for a broken sidecar."""
        stems = {naming.id_of(stem): stem for stem in self._stems()}
        if clip_id not in stems:
            raise UnknownName("clip", clip_id, stems)
        return self._clip(stems[clip_id])

    def count(self) -> int:
        """How many clips there are."""
        return len(self._stems())

    def _stems(self) -> list[str]:
        try:
            sidecars = {path.stem for path in self.hidden.iterdir() if path.suffix == SIDECAR}
            sounds = {path.stem for path in self.folder.iterdir() if path.suffix == WAV}
        except FileNotFoundError:
            return []
        except OSError as error:
            raise self.unavailable(error) from error
        return sorted(sidecars & sounds)

    def _clip(self, stem: str) -> Clip:
        sound, sidecar, _ = self.paths(stem)
        try:
            text = sidecar.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise BadInput(f"{sidecar}: cannot be read: {error}") from error
        return Clip(from_json(text, str(sidecar)), sound, sidecar)

    def _make_hidden(self) -> None:
        if self.hidden.is_dir():
            return
        self.hidden.mkdir()
        if sys.platform == "win32":  # where a leading dot hides nothing
            import ctypes

            ctypes.windll.kernel32.SetFileAttributesW(str(self.hidden), 2)

    def _sweep(self) -> list[Path]:
        """Remove dead parts, and what was made for a WAV that never got its name."""
        swept = []
        for part in [*self.folder.glob(f".*{WAV}{SUFFIX}"), *self.hidden.glob(f".*{SUFFIX}")]:
            if not sweep(part):
                continue
            swept.append(part)
            if part.parent == self.folder:
                stem = part.name.removesuffix(f"{WAV}{SUFFIX}").removeprefix(".")
                sound, *hidden = self.paths(stem)
                if not sound.exists():
                    for path in hidden:
                        path.unlink(missing_ok=True)
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
            return shutil.disk_usage(self.folder).free < _SPARE_BYTES
        except OSError:
            return False
