"""Where librosa's loops lie compiled from one run to the next: compiling takes a minute.

They lie in the environment whose librosa they were compiled from, and go with it. Two processes
that compile into one folder at once crash one another, so each takes one that is free and keeps
it to its end.
"""

from __future__ import annotations

import os
import sys
from itertools import count
from pathlib import Path

_FOLDERS = Path(sys.prefix) / "var" / "cache" / "numba"


def take_numba_cache(folders: Path = _FOLDERS) -> int:
    """Let numba of this process, and of those it starts, keep what it compiles in the first
    folder in ``folders`` that nobody has; ours until the file descriptor that comes back is
    closed, or this process is gone.

    Raises OSError where nothing can be written.
    """
    for number in count():
        folder = folders / str(number)
        folder.mkdir(parents=True, exist_ok=True)
        lock = os.open(folder / "lock", os.O_CREAT | os.O_RDWR)
        if _locked(lock):
            os.environ["NUMBA_CACHE_DIR"] = str(folder)
            return lock
        os.close(lock)
    raise AssertionError("there is always one more")


def _locked(file: int) -> bool:
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(file, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
