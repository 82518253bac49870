"""Keeps the clip folder within its limits, by moving old clips into ``FOLDER/archive``."""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from mula_bridge.control import Service
from mula_bridge.control.messages import ClipReady, Origin, Report, Status
from mula_bridge.errors import BadInput, MulaError, Unavailable
from mula_daemon.clips.catalogue import Catalogue
from mula_daemon.clips.files import ARCHIVE
from mula_daemon.clips.library import Clip, FolderUnread
from mula_daemon.clips.shelves import Shelves
from mula_daemon.settings import Limits

_NAP_S: Final = 0.1

log = logging.getLogger(__name__)


class Archivist(Service):
    """Archives the oldest clips that nobody kept, when there are too many.

    Never deletes, and never touches kept clips or favourites: where those alone are beyond
    the limit, it says so once. A listener that wakes a thread of its own for each new clip.
    """

    def __init__(self, catalogue: Catalogue, limits: Limits) -> None:
        super().__init__("archivist")
        self._catalogue = catalogue
        self._archive = catalogue.folder / ARCHIVE
        self._limits = limits
        self._shelves = Shelves(catalogue.library)
        self._due = threading.Event()
        self._due.set()  # the folder as it is found
        self._warned = False

    def wake(self) -> None:
        """Let the thread see that it is to end, after the move that is under way."""
        self._due.set()

    def report(self, report: Report, *, to: Origin | None, but: Origin | None) -> None:
        """Take note of a new clip; the session's thread."""
        if isinstance(report, ClipReady):
            self._due.set()

    def tidy(self) -> list[Clip]:
        """Archive what is too much; the clips as they were. Raises Unavailable.

        A clip that cannot be moved now is left for the next time, and the one after it goes.
        """
        clips = [c for c in self._catalogue.clips() if self._archive not in c.path.parents]
        sizes = {clip.recipe.id: _size(clip) for clip in clips}
        count, total = len(clips), sum(sizes.values())
        moved = []
        unread: set[Path] = set()
        for clip in filter(_may_go, _oldest_first(clips)):
            if not self._limits.exceeded(count, total) or self.stopping.is_set():
                break
            if clip.path.parent in unread:  # each would be looked for everywhere
                continue
            try:
                away = self._shelves.archive(clip.recipe.id, _may_go)
            except FolderUnread as error:
                log.info("archiving clip %s waits: %s", clip.recipe.id, error)
                unread.add(clip.path.parent)
                continue
            except Unavailable:
                raise
            except MulaError as error:  # a program holds it, or somebody took it away
                log.info("archiving clip %s waits: %s", clip.recipe.id, error)
                continue
            self._catalogue.put(away)
            if self._archive not in away.path.parents:  # it was kept this moment
                continue
            moved.append(clip)
            count -= 1
            total -= sizes[clip.recipe.id]
        if self._limits.exceeded(count, total) and not self.stopping.is_set() and not self._warned:
            self._warned = True
            log.warning("kept clips and favourites alone are beyond the limit of the clip folder")
        return moved

    def run(self) -> None:
        """Look at the folder once it has been read, and after each clip."""
        while True:
            self._due.wait()
            while self._catalogue.reading and not self.stopping.is_set():
                self.stopping.wait(_NAP_S)
            self._due.clear()
            if self.stopping.is_set():
                return
            with self.item("moving old clips to the archive"):
                self._tidy()

    def _tidy(self) -> None:
        try:
            moved = self.tidy()
        except Unavailable as error:  # the drive has gone: the next clip tries
            log.info("archiving waits: %s", error)
            return
        if moved:
            log.info("%d of the oldest clips went to %s", len(moved), self._archive)


def _may_go(clip: Clip) -> bool:
    return clip.recipe.status is not Status.KEPT and not clip.recipe.favourite


def _oldest_first(clips: list[Clip]) -> Iterator[Clip]:
    """Rejected ones before new ones."""
    for status in (Status.REJECTED, Status.NEW):
        for clip in clips:
            if clip.recipe.status is status:
                yield clip


def _size(clip: Clip) -> int:
    total = 0
    with contextlib.suppress(BadInput):  # a sidecar that names a file elsewhere
        for path in clip.files():
            with contextlib.suppress(OSError):  # the user took it away
                total += path.stat().st_size
    return total
