"""Files that appear whole or not at all, and never over another one."""

from __future__ import annotations

import contextlib
import errno
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from mula_bridge.errors import Busy

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

SUFFIX: Final = ".part"
LOCK_S: Final = 10.0
"""How long a lock is waited for: whoever moves a clip has it for some 20 ms."""
_PAUSE_S: Final = 0.002
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
        # On Windows a lock would keep out other handles of ours, and sweep needs none.
        if not _WINDOWS and not _lock(self._fd, LOCK_S):
            self.discard()
            raise BlockingIOError(errno.EAGAIN, "another program holds it", str(self.path))

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
def locked(folder: Path, wait_s: float = LOCK_S) -> Iterator[None]:
    """Hold the lock on ``folder``; waits ``wait_s`` seconds at most for whoever has it.

    A process that dies lets go. Some network shares have no locks; nobody waits there.
    Raises Busy when somebody keeps it, and OSError.
    """
    if sys.platform == "win32":  # where folders cannot be opened, nor open files be removed
        fd = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o666)
    else:
        fd = os.open(folder, os.O_RDONLY)
    try:
        if not _lock(fd, wait_s):
            raise Busy(
                f"another program has kept {folder} locked for {wait_s:g} s: try again, and end "
                "the mulabridge that hangs there"
            )
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


def _lock(fd: int, wait_s: float) -> bool:
    """Lock an open file, in ``wait_s`` seconds at most; whether nobody else has it."""
    end = time.monotonic() + wait_s
    while _try_lock(fd) is False:
        if time.monotonic() >= end:
            return False
        time.sleep(_PAUSE_S)
    return True


def _try_lock(fd: int) -> bool | None:
    """Lock an open file unless somebody else has; None where there are no locks, as on some
    network shares."""
    try:
        if sys.platform == "win32":
            msvcrt.locking(fd, msvcrt.LK_NBLCK, 1)
        else:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except PermissionError:  # which is how Windows says it
        return False if _WINDOWS else None
    except OSError:
        return None
    return True


def _is_locked(fd: int) -> bool:
    mine = _try_lock(fd)
    if mine is None:
        return time.time() - os.fstat(fd).st_mtime < _OLD_SECONDS
    return not mine
