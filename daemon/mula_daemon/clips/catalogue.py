"""What lies in the folder, in memory: what the session asks instead of the disk."""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterable
from pathlib import Path

from mula_bridge.errors import BadInput, Unavailable, UnknownName
from mula_daemon.clips import naming
from mula_daemon.clips.files import ClipFiles
from mula_daemon.clips.library import Clip, Library, age
from mula_daemon.clips.recipe import Recipe


class StillReading(Unavailable):
    """Nobody can say yet what is in the folder and what is not."""

    code = "reading"

    def __init__(self, folder: Path, trouble: str = "") -> None:
        """``trouble`` is what is wrong with the folder, if something is."""
        super().__init__(
            trouble or f"the clip folder {folder} is still being read; try again in a few seconds"
        )


class Catalogue:
    """Every clip of one library, by id. Any thread; no method touches a disk.

    Some 2 kB for each clip, and 200 bytes for each time a knob moved while it was made: a knob
    that is swept through all of a clip moves at every frame. `Survey` fills it, and keeps it true
    to the folder.
    """

    def __init__(self, library: Library) -> None:
        self.library = library
        self.folder = library.folder
        self.reading = True
        """Whether clips of the folder are still to come."""
        self.trouble = ""
        """What keeps the folder, or one below it, from being read; empty when nothing does."""
        self._lock = threading.Lock()
        self._clips: dict[str, Clip] = {}
        self._broken: dict[str, str] = {}
        self._taken: set[str] = set()  # ids that were seen or given away, clips or not

    @classmethod
    def of(cls, library: Library) -> Catalogue:
        """The catalogue of a folder that is read here and now. Waits for the disk."""
        catalogue = cls(library)
        catalogue.take_ids(library.places())
        for clip in library.clips():
            catalogue.put(clip)
        catalogue.reading = False
        return catalogue

    def find(self, clip_id: str) -> Clip:
        """The clip with that id, archived or not.

        Raises UnknownName, BadInput for a broken sidecar, StillReading as long as it is
        not known whether there is such a clip, or what its sidecar says, and Unavailable when it
        may lie where nobody can read.
        """
        with self._lock:
            clip = self._clips.get(clip_id)
            if clip is not None:
                return clip
            if clip_id in self._broken:
                raise BadInput(self._broken[clip_id])
            if self.reading:
                raise self.still_reading()
            if self.trouble:
                raise Unavailable(f"clip {clip_id} is not known: {self.trouble}")
            known = list(self._clips)
        raise UnknownName("clip", clip_id, known)

    def still_reading(self) -> StillReading:
        """Why nobody can say what is in the folder, while that is so."""
        return StillReading(self.folder, self.trouble)

    def new_id(self) -> str:
        """An id that no clip of the folder has, and that was not given away before."""
        with self._lock:
            clip_id = naming.new_id(self._taken)
            self._taken.add(clip_id)
            return clip_id

    def clips(self) -> list[Clip]:
        """All of them, oldest first."""
        with self._lock:
            return sorted(self._clips.values(), key=age)

    def get(self, clip_id: str) -> Clip | None:
        """The clip with that id, if it is known."""
        with self._lock:
            return self._clips.get(clip_id)

    def put(self, clip: Clip) -> None:
        """Know of a clip that is new, was moved, or says something else now."""
        with self._lock:
            self._clips[clip.recipe.id] = clip
            self._broken.pop(clip.recipe.id, None)
            self._taken.add(clip.recipe.id)
        self.library.note(clip.recipe.id, ClipFiles(clip.path.parent, clip.path.stem))

    def published(self, recipe: Recipe, path: Path) -> None:
        """Know of a clip that has just landed at ``path``."""
        self.put(Clip(recipe, path, ClipFiles(path.parent, path.stem).sidecar))

    def mark_broken(self, clip_id: str, why: str) -> bool:
        """Know of a clip whose sidecar cannot be read; whether that is news."""
        with self._lock:
            self._clips.pop(clip_id, None)
            self._taken.add(clip_id)
            news = self._broken.get(clip_id) != why
            self._broken[clip_id] = why
            return news

    def drop(self, ids: Iterable[str]) -> None:
        """Forget clips that are not there any more. Their ids are not given away again."""
        with self._lock:
            for clip_id in ids:
                self._clips.pop(clip_id, None)
                self._broken.pop(clip_id, None)

    def take_ids(self, ids: Collection[str]) -> None:
        """Know which ids the folder has, before any of its sidecars was read."""
        with self._lock:
            self._taken.update(ids)
