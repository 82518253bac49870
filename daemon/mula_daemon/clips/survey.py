"""Reads the folder into the catalogue, and keeps it true to what others do to the folder.

A clip's sidecar is what says that it changed: each is known by its place, its size and the time
it was written. Folders whose names did not change since the last look are not listed again.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

from msgspec import Struct

from mula_bridge.control import Errands
from mula_bridge.control.messages import Failed, Notice
from mula_bridge.errors import BadInput, Busy, MulaError
from mula_daemon.clips import naming
from mula_daemon.clips.catalogue import Catalogue
from mula_daemon.clips.files import HIDDEN, ClipFiles
from mula_daemon.clips.library import Clip, FolderUnread, age, read_clip

LOOK_S: Final = 1.0
"""How often the folder is looked at."""
_AT_ONCE: Final = 32
"""Sidecars that are read between one errand of somebody else's and the next: some 15 ms."""
_REST: Final = 20
"""So many times as long as a look took, nobody looks."""
_REST_AFTER_FAILURE: Final = 4
"""The same for one that failed, which may have waited for seconds, and is to be made good soon."""
_GRAIN_NS: Final = 3_000_000_000
"""A folder that was changed so lately may change again without another time: FAT counts in two
seconds."""

_log = logging.getLogger(__name__)

_Stamp = tuple[int, int]
"""When a sidecar was written (ns since 1970), and its size."""


class Seen(Struct, frozen=True):
    """A clip where it was seen, and its sidecar's stamp."""

    files: ClipFiles
    stamp: _Stamp


class FolderNames(Struct, frozen=True):
    """The clips of one folder by id; ``state`` is that of the folder when they were listed."""

    state: tuple[int, ...]
    clips: dict[str, Seen]


Changed = Callable[[Sequence[Clip], frozenset[str]], None]
"""Is told which clips are new or changed, oldest first, and the ids of those that are gone."""


class Survey:
    """Works in errands of ``files``, in turn with everything else that is done to the folder.

    ``begin`` and ``look`` are for any thread and wait for nothing; what they find is told on the
    worker's thread: clips through ``changed``, the folder's own fate through ``post``.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        files: Errands,
        changed: Changed,
        post: Callable[[Failed | Notice], None],
    ) -> None:
        self._catalogue = catalogue
        self._library = catalogue.library
        self._files = files
        self._changed = changed
        self._post = post
        self._listings: dict[Path, FolderNames] = {}
        self._seen: dict[str, Seen] = {}
        self._unread: list[tuple[str, Seen]] = []
        self._found: list[str] = []
        self._again: set[str] = set()
        """Clips whose sidecars could not be read, and perhaps can be the next time."""
        self._complete = False
        """Whether it was told that the folder has been read."""
        self._said = ""
        """The trouble that was told last, until a look succeeds."""
        self._away = False
        self._blind: frozenset[Path] = frozenset()
        """Folders below that could not be read."""
        self._due = threading.Event()
        """Whether an errand of ours waits or runs."""
        self._next_look = 0.0

    # --- any thread ---------------------------------------------------------------------------

    def begin(self) -> None:
        """Have what a crash left mended, and then all of the folder read."""
        self._due.set()
        self._files.do(self._begin)

    def look(self) -> None:
        """Have the folder looked at, if the last look was not just now and has ended."""
        if time.monotonic() >= self._next_look and not self._due.is_set():
            self._due.set()
            try:
                self._files.do(self._look)
            except Busy:  # it has enough to do; soon again
                self._due.clear()

    # --- the worker's thread ------------------------------------------------------------------

    def _begin(self) -> None:
        try:
            self._library.mend()
        except MulaError as error:  # the clips can be read all the same, and made
            self._say(error)
        except Exception:
            self._due.clear()  # the next look reads them
            raise
        self._look()

    def _look(self) -> None:
        began = time.monotonic()
        before, listed = self._seen, False
        try:
            with self._here():
                self._list_all()
                listed = True
        finally:
            rest = _REST if listed else _REST_AFTER_FAILURE
            self._next_look = began + max(LOOK_S, rest * (time.monotonic() - began))
            if not listed:  # the next look may fare better
                self._due.clear()
        if listed:
            try:
                self._compare(before)
            except Exception:
                self._seen, self._listings = before, {}  # the next look compares all anew
                self._due.clear()
                raise
            self._read_on()

    def _compare(self, before: dict[str, Seen]) -> None:
        """Drop what has gone since ``before``, and note what is to be read."""
        left = self._again | {clip_id for clip_id, _ in self._unread}
        if self._seen is not before:
            self._catalogue.take_ids(self._seen)
            gone = frozenset(
                clip_id
                for clip_id, seen in before.items()
                if clip_id not in self._seen and not seen.files.are_there()
            )
            self._catalogue.drop(gone)
            if gone:
                self._changed((), gone)
        if self._seen is not before or left:
            self._unread = [
                (clip_id, seen)
                for clip_id, seen in self._seen.items()
                if before.get(clip_id) is not seen or clip_id in left
            ]
            self._again = set()

    def _read_on(self) -> None:
        """Read a few sidecars, and leave the rest for the next errand."""
        rest_waits = False
        try:
            rest_waits = self._read_some()
        finally:
            if not rest_waits:
                self._due.clear()

    def _read_some(self) -> bool:
        """Read sidecars; whether an errand waits that reads on."""
        while self._unread:
            now, self._unread = self._unread[:_AT_ONCE], self._unread[_AT_ONCE:]
            for clip_id, seen in now:
                self._read(clip_id, seen)
            if self._unread and not self._files.stopping.is_set():
                with contextlib.suppress(Busy):  # so much waits that our rest does not matter
                    self._files.do(self._read_on)
                    return True
            elif self._unread:
                return False
        # As they are by now: other errands may have moved them.
        found = list(filter(None, map(self._catalogue.get, self._found)))
        if found or not self._complete:
            self._catalogue.reading = False
            self._changed(sorted(found, key=age), frozenset())
            self._complete = True
        self._found = []
        return False

    def _read(self, clip_id: str, seen: Seen) -> None:
        try:
            clip = read_clip(seen.files)
        except Exception as error:  # whatever is wrong with one clip, there are others
            self._note_unread(clip_id, seen, error)
            return
        if clip != self._catalogue.get(clip_id):
            self._catalogue.put(clip)
            self._found.append(clip_id)

    def _note_unread(self, clip_id: str, seen: Seen, error: Exception) -> None:
        """Know of a sidecar that could not be read: for good, until somebody mends it; or for now,
        when it was the disk, or too little memory, and says nothing of the clip."""
        its_own = isinstance(error, BadInput) and not isinstance(error.__cause__, OSError)
        if not its_own:
            self._again.add(clip_id)
            if self._catalogue.get(clip_id) is not None:  # as it was read before
                return
        if seen.files.are_there():
            said = str(error) if isinstance(error, BadInput) else f"{seen.files.sidecar}: {error}"
            if self._catalogue.mark_broken(clip_id, said):
                _log.warning("%s", said)

    def _say(self, error: MulaError) -> None:
        """Tell of a trouble with the folder, once."""
        if str(error) != self._said:
            self._said = str(error)
            self._post(Failed("", error.code, self._said))

    @contextlib.contextmanager
    def _here(self) -> Iterator[None]:
        """Say once that the folder has gone or cannot be used, and once that it is back."""
        try:
            yield
        except MulaError as error:
            self._away = True
            self._catalogue.trouble = str(error)
            self._say(error)
        else:
            self._said = ""
            if self._away:
                self._away = False
                self._post(Notice("", "folder", f"the clip folder {self._library.folder} is back"))

    def _list_all(self) -> None:
        """See every clip that is there. Raises Unavailable, and Busy; nothing is seen then.

        In a folder below that cannot be read is what was there when it last could be.
        """
        library = self._library
        listings: dict[Path, FolderNames] = {}
        blind: dict[Path, FolderUnread] = {}
        with library.still():  # no clip is on its way now
            for folder in library.folders(archived=True):
                state = _state(folder)
                known = self._listings.get(folder)
                if known is None or not state or known.state != state:
                    try:
                        known = FolderNames(state, self._listed(folder))
                    except FolderUnread as error:
                        blind[folder] = error
                        known = FolderNames((), known.clips if known is not None else {})
                listings[folder] = known
            library.folder.stat()  # it was there all the time
        for folder, known in self._listings.items():
            if not blind.keys().isdisjoint(folder.parents):
                listings.setdefault(folder, known)
        self._tell_blind(blind)
        if listings.keys() != self._listings.keys() or any(
            listings[folder] is not self._listings[folder] for folder in listings
        ):
            self._seen = {}
            for listing in listings.values():
                for clip_id, seen in listing.clips.items():
                    self._seen.setdefault(clip_id, seen)
        self._listings = listings

    def _tell_blind(self, blind: dict[Path, FolderUnread]) -> None:
        """Say once which folders below cannot be read, and once that they can be again."""
        self._catalogue.trouble = next(map(str, blind.values()), "")
        if new := [error for folder, error in blind.items() if folder not in self._blind]:
            more = f" (and {len(new) - 1} folders like it)" if len(new) > 1 else ""
            self._post(Failed("", new[0].code, f"{new[0]}{more}"))
        if self._blind and not blind:
            some = f"{len(self._blind)} folders" if len(self._blind) > 1 else min(self._blind)
            self._post(Notice("", "folder", f"the clips in {some} can be read again"))
        self._blind = frozenset(blind)

    def _listed(self, folder: Path) -> dict[str, Seen]:
        found: dict[str, Seen] = {}
        sidecars = self._library.sidecars(folder)
        for name in sorted(sidecars, key=lambda name: (len(name), name)):
            clip_id = naming.id_of(name)
            try:
                status = sidecars[name].stat()
                stamp = status.st_mtime_ns, status.st_size
            except FileNotFoundError:
                continue
            except OSError:  # whoever reads it will hear what is wrong
                stamp = 0, 0
            seen, known = Seen(ClipFiles(folder, name), stamp), self._seen.get(clip_id)
            found.setdefault(clip_id, known if known is not None and known == seen else seen)
        return found


def _state(folder: Path) -> tuple[int, ...]:
    """What changes when names in the folder do; empty when that cannot be relied on."""
    state: list[int] = []
    for one in (folder, folder / HIDDEN):
        try:
            status = one.stat()
        except OSError:
            return ()
        if time.time_ns() - status.st_mtime_ns < _GRAIN_NS:
            return ()
        state += (status.st_ino, status.st_mtime_ns)
    return tuple(state)
