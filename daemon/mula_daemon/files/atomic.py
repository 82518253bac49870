"""Files that appear whole or not at all, and never over another one."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

SUFFIX: Final = ".part"
_FLAGS: Final = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
_WINDOWS: Final = os.name == "nt"
_OLD_SECONDS: Final = 86400.0


class Part:
    """A file in the making: ``.NAME.part`` beside where it will be.

    Its writer holds a lock on it for as long as it lives, so that ``sweep`` tells a
    part being written from one that a crash left behind. Every method raises OSError;
    after ``publish`` or ``discard`` the part is gone. One thread at a time.
    """

    def __init__(self, final: Path) -> None:
        """Create the part for ``final``. Raises FileExistsError when somebody has begun it."""
        self.final = final
        self.path = final.with_name(f".{final.name}{SUFFIX}")
        self._fd = os.open(self.path, _FLAGS, 0o666)
        _lock(self._fd)

    def write(self, data: bytes) -> None:
        """Append ``data``."""
        left = memoryview(data)
        while left:
            left = left[os.write(self._fd, left) :]

    def publish(self) -> None:
        """Flush it to the disk and give it its name. Raises FileExistsError if that is taken."""
        os.fsync(self._fd)
        if _WINDOWS:  # which renames no open file
            self._close()
        _rename_to_new(self.path, self.final)
        self._close()

    def discard(self) -> None:
        """Leave nothing of it. Never raises; does nothing after ``publish``."""
        if self._fd < 0:
            return
        self._close()
        with contextlib.suppress(OSError):
            self.path.unlink()

    def _close(self) -> None:
        fd, self._fd = self._fd, -1
        if fd >= 0:
            with contextlib.suppress(OSError):  # what mattered was flushed, or is to go
                os.close(fd)


def sweep(part: Path) -> bool:
    """Remove ``part`` unless some process is still writing it; whether it was removed."""
    if _WINDOWS:  # which removes no open file
        with contextlib.suppress(OSError):
            part.unlink()
            return True
        return False
    try:
        fd = os.open(part, os.O_RDWR)
    except OSError:
        return False
    try:
        if _is_locked(fd):
            return False
        part.unlink()
        return True
    except OSError:
        return False
    finally:
        os.close(fd)


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the lock on ``folder``; waits for whoever has it.

    A process that dies lets go. Some network shares have no locks; nobody waits there.
    Raises OSError.
    """
    if sys.platform == "win32":  # where folders cannot be opened, nor open files be removed
        fd = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o666)
    else:
        fd = os.open(folder, os.O_RDONLY)
    try:
        if sys.platform == "win32":
            with contextlib.suppress(OSError):  # it gives up after ten seconds
                msvcrt.locking(fd, msvcrt.LK_LOCK, 1)
        else:
            _lock(fd)
        yield
    finally:
        os.close(fd)


def _rename_to_new(source: Path, target: Path) -> None:
    # A second link fails where a rename would overwrite.
    try:
        target.hardlink_to(source)
    except FileExistsError:
        raise
    except OSError:  # no hard links here (FAT, some network shares), or worse: rename will tell
        if os.path.lexists(target):
            raise FileExistsError(f"{target} exists") from None
        source.replace(target)
    else:
        with contextlib.suppress(OSError):  # the next sweep takes the spare name
            source.unlink()


def _lock(fd: int) -> None:
    if sys.platform != "win32":
        # Some network shares have no locks; sweep then goes by age.
        with contextlib.suppress(OSError):
            fcntl.flock(fd, fcntl.LOCK_EX)


def _is_locked(fd: int) -> bool:
    if sys.platform != "win32":
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        except OSError:
            return time.time() - os.fstat(fd).st_mtime < _OLD_SECONDS
    return False
