"""Where a soak's clips land: a small disk of its own where that can be had.

Filling a disk, and making a folder unwritable for root, want the right to mount. Without it both
are left out, or done by permissions.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from time import sleep
from typing import Final

from mula_bridge.errors import Unavailable

_SIZE: Final = "1g"
_CHUNK: Final = bytes(1 << 16)
_TRIES: Final = 10
_PAUSE_S: Final = 0.2


class SmallDisk:
    """A folder, and what can happen to it. ``mounted``: it is a disk of its own."""

    def __init__(self, root: Path, *, mounted: bool) -> None:
        self.root = root
        self.mounted = mounted
        self.clips = root / "clips"
        self._ballast = root / "ballast"
        self._away = root / "away"
        self._sealed = False

    @property
    def can_seal(self) -> bool:
        """Whether it can be made unwritable, for us as well."""
        return self.mounted or (sys.platform != "win32" and os.geteuid() != 0)

    def seal(self) -> None:
        """Let nothing be written into the folder. Raises Unavailable; ``unseal`` it then, too."""
        self._sealed = True
        if self.mounted:
            clips = str(self.clips)
            bound = _run("mount", "--bind", clips, clips)
            if not bound or not _run("mount", "-o", "remount,ro,bind", clips):
                raise Unavailable(f"{clips} could not be made read-only")
        else:
            self.clips.chmod(0o555)

    def unseal(self) -> None:
        """Let it be written into again. Raises Unavailable where that cannot be had."""
        if not self._sealed:
            return
        if self.mounted:
            _until(self._writable, "umount", "--lazy", str(self.clips))
        else:
            self.clips.chmod(0o755)
        if not self._writable():
            raise Unavailable(f"{self.clips} is still read-only; see to it: umount {self.clips}")
        self._sealed = False

    def _writable(self) -> bool:
        return os.access(self.clips, os.W_OK)  # by the mount, too, and for root

    def fill(self) -> None:
        """Leave no byte of it."""
        with suppress(OSError), self._ballast.open("wb", buffering=0) as file:
            while True:
                file.write(_CHUNK)

    def empty(self) -> None:
        """Give the room back."""
        self._ballast.unlink(missing_ok=True)

    def take_away(self) -> None:
        """Have the folder gone."""
        self.clips.rename(self._away)

    def bring_back(self) -> None:
        """Have it back; what was made in its place meanwhile is put into it."""
        if not self._away.exists():
            return
        if self.clips.exists():
            for path in sorted(self.clips.rglob("*"), reverse=True):
                target = self._away / path.relative_to(self.clips)
                if path.is_dir():
                    with suppress(OSError):
                        path.rmdir()
                elif not target.exists():
                    target.parent.mkdir(parents=True, exist_ok=True)
                    path.rename(target)
                else:
                    path.unlink()
            self.clips.rmdir()
        self._away.rename(self.clips)


@contextmanager
def small_disk() -> Iterator[SmallDisk]:
    """Make one, and take it away."""
    with tempfile.TemporaryDirectory(prefix="mula-soak-") as folder:
        root = Path(folder)
        mounted = _run("mount", "-t", "tmpfs", "-o", f"size={_SIZE}", "mula-soak", folder)
        disk = SmallDisk(root, mounted=mounted)
        disk.clips.mkdir()
        try:
            yield disk
        finally:
            with suppress(Unavailable):  # it was told when it was tried before
                disk.unseal()
            if mounted:
                _until(lambda: not os.path.ismount(folder), "umount", "--lazy", folder)


def _until(done: Callable[[], bool], *command: str) -> None:
    """Run a command again and again until that has come about, or it is hopeless."""
    for _ in range(_TRIES):
        _run(*command)
        if done():
            return
        sleep(_PAUSE_S)


def _run(*command: str) -> bool:
    """Whether it could be done."""
    if sys.platform == "linux" and os.geteuid() == 0:
        with suppress(OSError, subprocess.TimeoutExpired):
            return not subprocess.run(
                command, capture_output=True, timeout=10, check=False
            ).returncode
    return False
