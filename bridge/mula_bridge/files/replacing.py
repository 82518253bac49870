"""Puts a text in the place of what a file holds: all of it, or nothing."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from mula_bridge.errors import BadInput

HELD: Final = (errno.EACCES, errno.EPERM, errno.EBUSY)
"""What Windows answers when another program holds a file."""
_TRIES: Final = 10
_PAUSE_S: Final = 0.05
"""A virus scanner or an indexer lets go of a file after some ten milliseconds."""
_NO_SYNC: Final = frozenset(
    {errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS}
    | {errno.EBADF, errno.EISDIR, errno.EACCES, errno.EPERM}
)
"""What file systems answer that flush no folders (SMB, WSL, FUSE), or let nobody open one."""


def replace_text(path: Path, text: str) -> None:
    """Have ``path`` hold ``text`` in UTF-8, on the disk when this returns.

    Readers see the old file or the new one, and so does the next start after a crash or a
    power cut. A file that is there keeps its permissions, a link stays one. Of two writers at
    once the last wins. Any thread; waits for the disk, some 10 ms, and half a second at most
    for a program that holds the file. Raises BadInput for a text that UTF-8 cannot spell, and
    OSError; the file is as it was then.
    """
    try:
        data = text.encode()
    except UnicodeEncodeError as error:  # half of a surrogate pair, as JSON can spell one
        letter = ascii(text[error.start])
        raise BadInput(f"{path}: cannot hold {letter}, which is no character") from error
    path = _resolved(path)
    # Whoever sweeps a folder knows unfinished files by the ending.
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        with part.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(OSError):  # it is new, or the file system has no permissions
            shutil.copymode(path, part)
        patiently(lambda: part.replace(path))
    except BaseException:
        with contextlib.suppress(OSError):
            part.unlink()
        raise
    sync_folder(path.parent)


def _resolved(path: Path) -> Path:
    try:
        return path.resolve()
    except RuntimeError as error:  # how Python says it up to 3.12
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), str(path)) from error


def patiently(act: Callable[[], object]) -> None:
    """Do ``act``, again for half a second while another program holds the file. Raises OSError."""
    for left in reversed(range(_TRIES)):
        try:
            act()
            return
        except OSError as error:
            if error.errno not in HELD or not left:
                raise
            time.sleep(_PAUSE_S)


def sync_folder(folder: Path) -> None:
    """Have the names in ``folder`` reach the disk, where the system can.

    Where it cannot, that is no failure: the files themselves were flushed, and only a power cut
    within seconds could take their names. Raises OSError for a disk that fails.
    """
    if os.name == "nt":
        return
    try:
        fd = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)
    except OSError as error:
        if error.errno not in _NO_SYNC:
            raise
