"""Watches mapping files and hands on the new mapping when they change."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from mula_bridge.control import Service
from mula_bridge.control.messages import Failed
from mula_bridge.mapping.file import load_mapping
from mula_bridge.mapping.model import Mapping, MappingError

POLL_SECONDS = 0.5

_Stamp = tuple[int, int, int] | None


class MappingWatcher(Service):
    """Calls ``changed`` with each new valid mapping, ``failed`` with why one is not.

    ``paths`` is asked again each time, because a file may be added.

    While the files are wrong the last good mapping stays in use. Both are called on
    the watcher's thread (or on the caller's of ``check``).
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
        self._seen = self._stamps()

    def check(self) -> None:
        """Look once, at files as they are now."""
        stamps = self._stamps()
        if stamps == self._seen:
            return
        self._seen = stamps
        try:
            mapping = load_mapping(self._paths())
        except MappingError as error:
            self._failed(Failed("mapping", error.code, f"{error} (the old mapping stays)"))
        else:
            self._changed(mapping)

    def run(self) -> None:
        """Look again and again."""
        while not self.stopping.wait(self._poll_seconds):
            self.check()

    def _stamps(self) -> tuple[_Stamp, ...]:
        return tuple(_stamp(path) for path in self._paths())


def _stamp(path: Path) -> _Stamp:
    """Changes whenever the file does: editors that replace it change the inode."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino
