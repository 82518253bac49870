"""Where the files of a clip lie.

``FOLDER/NAME.wav``                   the clip
``FOLDER/midi/NAME.mid``              its notes, where its engine's codes are notes
``FOLDER/stems/NAME_INSTRUMENT.wav``  its instruments, when they were asked for
``FOLDER/.mula/NAME.json``            its sidecar
``FOLDER/.mula/NAME.npz``             its codes

Kept clips lie the same way below ``FOLDER/kept``, rejected ones below ``FOLDER/rejected``, and
what a limit took out of the way below ``FOLDER/archive``. In each of these, days and jobs may
have folders of their own, which look the same inside::

    flat   FOLDER/NAME.wav
    date   FOLDER/2026-11-25/NAME.wav
    job    FOLDER/2026-11-25/2213-job7/NAME.wav

Days and times are local: they are for people who look for last night's session.

A DAW's browser shows clips in ``FOLDER`` and nothing between them; notes and stems are one
folder away, where they can be dragged from.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path, PurePath, PurePosixPath
from types import MappingProxyType
from typing import Final

from mula_bridge.control.messages import Status
from mula_daemon.clips.naming import slug
from mula_daemon.settings import Layout

HIDDEN: Final = ".mula"
MIDI_FOLDER: Final = "midi"
STEMS_FOLDER: Final = "stems"

SHELVES: Final = MappingProxyType(
    {Status.NEW: "", Status.KEPT: "kept", Status.REJECTED: "rejected"}
)
"""The folder, below the library's, of the clips of each status."""
HERE: Final = PurePath()
"""The place of clips that lie in the folder itself."""
ARCHIVE: Final = "archive"
"""The folder of clips of any status that are out of the way."""

WAV: Final = ".wav"
SIDECAR: Final = ".json"
CODES: Final = ".npz"
MIDI: Final = ".mid"
_CLIP: Final = re.compile(r"[^\W_].*_[0-9a-z]+(-\d+)?", re.DOTALL)
_DAY: Final = re.compile(r"\d{4}-\d{2}-\d{2}")


@dataclass(frozen=True, slots=True)
class ClipFiles:
    """The files of the clip ``name`` whose WAV is in ``folder``; they need not exist. Pure."""

    folder: Path
    name: str

    @property
    def wav(self) -> Path:
        """The clip."""
        return self.folder / f"{self.name}{WAV}"

    @property
    def sidecar(self) -> Path:
        """Its recipe."""
        return self.folder / HIDDEN / f"{self.name}{SIDECAR}"

    @property
    def codes(self) -> Path:
        """The codes it was rendered from."""
        return self.folder / HIDDEN / f"{self.name}{CODES}"

    @property
    def midi(self) -> Path:
        """Its notes."""
        return self.folder / MIDI_FOLDER / f"{self.name}{MIDI}"

    def stem(self, instrument: str) -> Path:
        """One instrument of it."""
        return self.folder / STEMS_FOLDER / f"{self.name}_{instrument}{WAV}"

    def relative(self, path: Path) -> str:
        """``path`` as the sidecar names it: from the folder of the WAV, with forward slashes."""
        return path.relative_to(self.folder).as_posix()

    def main(self) -> Iterator[Path]:
        """Every file of it but the stems."""
        yield from (self.wav, self.sidecar, self.codes, self.midi)

    def are_there(self) -> bool:
        """Whether it is a complete clip: its WAV and its sidecar are there. Looks at the disk."""
        return os.path.lexists(self.wav) and os.path.lexists(self.sidecar)

    def leftovers(self) -> Iterator[Path]:
        """What may lie about when the WAV never got its name. Looks at the disk for stems."""
        yield from (self.sidecar, self.codes, self.midi)
        # Names hold nothing that is special to a glob: see naming.stem.
        yield from (self.folder / STEMS_FOLDER).glob(f"{self.name}_*{WAV}")


def is_clip_name(stem: str) -> bool:
    """Whether a file of that name, without its ending, can be a clip of ours.

    All of ours end in ``_ID`` or ``_ID-NUMBER`` and begin with a letter or a digit. So the files
    that systems and programs leave beside them are none: ``._NAME`` (macOS on exFAT and SMB),
    ``~$NAME`` and other files in the making, and the copies of cloud folders and file managers
    (``NAME (conflicted copy)``, ``NAME.sync-conflict-...``, ``NAME - Copy``), which have the
    id of the clip that they are copies of.
    """
    return _CLIP.fullmatch(stem) is not None


def is_below(name: str) -> bool:
    """Whether a path with forward slashes, as it is written down, leads nowhere else."""
    path = PurePosixPath(name)
    return not (path.is_absolute() or ".." in path.parts or "\\" in name or ":" in name)


def place_of(layout: Layout, job: str, begun: datetime) -> PurePosixPath:
    """Where the clips of ``job`` land, below the folder; ``begun`` is local time."""
    day = PurePosixPath(f"{begun:%Y-%m-%d}")
    match layout:
        case Layout.FLAT:
            return PurePosixPath()
        case Layout.DATE:
            return day
        case Layout.JOB:
            return day / f"{begun:%H%M}-{slug([job])}"


def is_day(name: str) -> bool:
    """Whether a folder of that name holds the clips of one day."""
    return _DAY.fullmatch(name) is not None
