"""Keeps the clip folder within its limits, by moving old clips into ``FOLDER/archive``."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator

from mula_bridge.control import Service
from mula_bridge.control.messages import ClipReady, Origin, Report, Status
from mula_bridge.errors import MulaError
from mula_daemon.clips.files import ARCHIVE
from mula_daemon.clips.library import Clip, Library
from mula_daemon.clips.shelves import Shelves
from mula_daemon.settings import Limits

log = logging.getLogger(__name__)


class Archivist(Service):
    """Archives the oldest clips that nobody kept, when there are too many.

    Never deletes, and never touches kept clips or favourites: where those alone are beyond
    the limit, it says so once. A listener that wakes a thread of its own for each new clip.
    """

    def __init__(self, library: Library, limits: Limits) -> None:
        super().__init__("archivist")
        self._library = library
        self._limits = limits
        self._shelves = Shelves(library)
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
        """Archive what is too much; the clips as they were. Raises MulaError."""
        clips = self._library.clips()
        sizes = {clip.recipe.id: _size(clip) for clip in clips}
        count, total = len(clips), sum(sizes.values())
        moved = []
        for clip in _oldest_first(clips):
            if not self._limits.exceeded(count, total) or self.stopping.is_set():
                break
            self._shelves.archive(clip.recipe.id)
            moved.append(clip)
            count -= 1
            total -= sizes[clip.recipe.id]
        if self._limits.exceeded(count, total) and not self.stopping.is_set() and not self._warned:
            self._warned = True
            log.warning("kept clips and favourites alone are beyond the limit of the clip folder")
        return moved

    def run(self) -> None:
        """Look at the folder now, and after each clip."""
        while True:
            self._due.wait()
            self._due.clear()
            if self.stopping.is_set():
                return
            try:
                moved = self.tidy()
            except MulaError as error:  # a file is held, the drive has gone: the next clip tries
                log.info("archiving waits: %s", error)
                continue
            if moved:
                where = self._library.folder / ARCHIVE
                log.info("%d of the oldest clips went to %s", len(moved), where)


def _oldest_first(clips: list[Clip]) -> Iterator[Clip]:
    """Those that may go: rejected ones before new ones."""
    for status in (Status.REJECTED, Status.NEW):
        for clip in clips:
            if clip.recipe.status is status and not clip.recipe.favourite:
                yield clip


def _size(clip: Clip) -> int:
    total = 0
    for path in clip.files():
        try:
            total += path.stat().st_size
        except OSError:  # the user took it away
            continue
    return total
