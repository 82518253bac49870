"""Keeping and rejecting: the clips of a library on their shelves, and back."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path, PurePath

from msgspec.structs import replace

from mula_bridge.control.messages import Status
from mula_bridge.files import replace_text
from mula_daemon.clips import moves
from mula_daemon.clips.daw_traces import may_be_in_use
from mula_daemon.clips.files import ARCHIVE, SHELVES, ClipFiles
from mula_daemon.clips.library import Clip, Library
from mula_daemon.clips.recipe import Recipe, to_json


class Shelves:
    """Changes what a library's sidecars say of clips, and moves them accordingly.

    Any thread; several processes may share a folder. Waits for the disk, some 20 ms. Every
    method raises UnknownName and BadInput, Busy when another program holds a file, and
    Unavailable with a remedy when the folder fails. After each of them the clip is whole
    in one place, or will be at the next start.
    """

    def __init__(self, library: Library) -> None:
        self._library = library

    def put(self, clip_id: str, status: Status) -> Clip:
        """Move a clip, with everything that belongs to it, to the shelf of ``status``.

        Its WAV keeps its old name too, if a DAW may hold it (see `daw_traces`).
        """
        library = self._library
        with library.moving():
            clip = library.find(clip_id)
            home = _home(library.folder, clip.path.parent, status)
            recipe = replace(clip.recipe, status=status)
            if home != clip.path.parent:
                self._move(clip, home, recipe)
            elif recipe != clip.recipe:
                _rewrite(clip, recipe)
        return library.find(clip_id)

    def archive(self, clip_id: str, may: Callable[[Clip], bool] = lambda clip: True) -> Clip:
        """Move a clip out of the way, its status as it is; ``put`` brings it back.

        It stays where it is if it ``may`` not go, as it is on the disk by now.
        """
        library = self._library
        with library.moving():
            clip = library.find(clip_id)
            here = clip.path.parent.relative_to(library.folder)
            if here.parts[:1] != (ARCHIVE,) and may(clip):
                self._move(clip, library.folder / ARCHIVE / _unshelved(here), clip.recipe)
        return library.find(clip_id)

    def favour(self, clip_id: str, on: bool) -> Clip:
        """Mark a clip as a favourite, or not any more. It stays where it is."""
        with self._library.moving():
            clip = self._library.find(clip_id)
            if clip.recipe.favourite is not on:
                _rewrite(clip, replace(clip.recipe, favourite=on))
        return self._library.find(clip_id)

    def _move(self, clip: Clip, home: Path, recipe: Recipe) -> None:
        library, here = self._library, clip.path.parent
        home.mkdir(parents=True, exist_ok=True)
        library.make_hidden(home)
        companions = [path for path in clip.files() if path not in (clip.sidecar, clip.path)]
        moves.begin(
            library.folder,
            moves.Move(
                source=here.relative_to(library.folder).as_posix(),
                target=home.relative_to(library.folder).as_posix(),
                files=tuple(path.relative_to(here).as_posix() for path in companions),
                sidecar=clip.sidecar.relative_to(here).as_posix(),
                wav=clip.path.name,
                text=to_json(recipe),
                stays=may_be_in_use(clip.path),
            ),
        )
        library.note(recipe.id, ClipFiles(home, clip.path.stem))


def _rewrite(clip: Clip, recipe: Recipe) -> None:
    replace_text(clip.sidecar, to_json(recipe))


def _home(library: Path, folder: Path, status: Status) -> Path:
    """Where clips of ``folder`` go: to the same place below their status's shelf."""
    return library / SHELVES[status] / _unshelved(folder.relative_to(library))


def _unshelved(place: PurePath) -> PurePath:
    """``place`` without the shelf or the archive it is on."""
    if place.parts and place.parts[0] in (*SHELVES.values(), ARCHIVE):
        return PurePath(*place.parts[1:])
    return place
