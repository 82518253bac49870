"""Watches mapping files and hands on the new mapping when they change."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from mula_bridge.control import Service
from mula_bridge.control.messages import Failed
from mula_bridge.errors import MulaError, Unavailable
from mula_bridge.mapping.file import load_mapping
from mula_bridge.mapping.model import Mapping

POLL_SECONDS = 0.5

Stamp = tuple[str, int, int, int]


class MappingWatcher(Service):
    """Calls ``changed`` with each new valid mapping, ``failed`` with why one is not.

    ``paths`` is asked again each time, because a file may be added; where it finds none, that
    is a failure like any other.

    While the files are wrong, or away, the last good mapping stays in use, and they are tried
    again at every look: what a disk or another program withholds may come back without a
    change that shows. Both are called on the watcher's thread (or on the caller's of ``check``).
    """

    def __init__(
        self,
        paths: Callable[[], Sequence[Path]],
        changed: Callable[[Mapping], None],
        failed: Callable[[Failed], None],
        poll_seconds: float = POLL_SECONDS,
    ) -> None:
        super().__init__("mapping watcher")
        self._paths = paths
        self._changed = changed
        self._failed = failed
        self._poll_seconds = poll_seconds
        self._looking = threading.Lock()
        self._told: tuple[tuple[Stamp, ...], str] | None = None
        self._seen: tuple[Stamp, ...] | None = None
        with contextlib.suppress(Exception):  # the first look will tell
            self._seen = _stamps(paths())

    def check(self) -> None:
        """Look once, at files as they are now. Any thread; never raises."""
        with self.item("a change of the files"), self._looking:
            mapping = self._news()
            if mapping is not None:
                self._changed(mapping)

    def run(self) -> None:
        """Look again and again."""
        while not self.stopping.wait(self._poll_seconds):
            self.check()

    def _news(self) -> Mapping | None:
        """The mapping that the files make now; None: the same as before, or none."""
        stamps: tuple[Stamp, ...] = ()
        try:
            paths = self._paths()
            stamps = _stamps(paths)
            if stamps == self._seen:
                return None
            mapping = load_mapping(paths)
        except (MulaError, OSError) as error:
            self._seen = None
            self._tell(stamps, error)
            return None
        self._seen, self._told = stamps, None
        return mapping

    def _tell(self, stamps: tuple[Stamp, ...], error: MulaError | OSError) -> None:
        text = f"{error} (the old mapping stays)"
        if (stamps, text) != self._told:
            self._told = stamps, text
            code = error.code if isinstance(error, MulaError) else Unavailable.code
            self._failed(Failed("mapping", code, text))


def _stamps(paths: Sequence[Path]) -> tuple[Stamp, ...]:
    return tuple(_stamp(path) for path in paths)


def _stamp(path: Path) -> Stamp:
    """Changes whenever the file does: editors that replace it change the inode."""
    try:
        status = path.stat()
    except OSError:
        return str(path), 0, 0, 0
    return str(path), status.st_mtime_ns, status.st_size, status.st_ino
