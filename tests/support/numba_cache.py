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
from typing import IO

_FOLDERS = Path(sys.prefix) / "var" / "cache" / "numba"


def take_numba_cache(folders: Path = _FOLDERS) -> IO[str]:
    """Let numba of this process, and of those it starts, keep what it compiles in the first
    folder in ``folders`` that nobody has; ours while the file that comes back is open.

    Raises OSError where nothing can be written.
    """
    for number in count():
        folder = folders / str(number)
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / "lock").open("w")
        if _locked(lock):
            os.environ["NUMBA_CACHE_DIR"] = str(folder)
            return lock
        lock.close()
    raise AssertionError("there is always one more")


def _locked(file: IO[str]) -> bool:
    """Whether ``file`` is ours now, until it is closed or this process is gone."""
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
