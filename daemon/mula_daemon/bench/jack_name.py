"""Names for JACK servers of our own, used again: a name's place in JACK's registry comes with it.

The registry has room for eight servers on a machine (``MAX_SERVERS`` in JACK's shm.h). One that
was killed keeps its place, also after a restart of everything but the machine, until a server of
the same name is started. With a new name for each server, eight killed ones are enough that none
starts any more.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Final

from mula_bridge.errors import Unavailable

_NAMES: Final = 6
"""At a time; the other places are for the musician's own."""
_SEGMENTS: Final = Path("/dev/shm")


@contextmanager
def jack_name() -> Iterator[str]:
    """A name that nobody else uses until the body is left, in this process or another.

    What a server that was killed, or its clients, left under it is removed before and after.
    Raises Unavailable when all are taken.
    """
    user = 0
    if sys.platform != "win32":
        user = os.getuid()
    for number in range(_NAMES):
        name = f"mula-{user}-{number}"
        with (Path(tempfile.gettempdir()) / f"{name}.lock").open("w") as lock:
            if not _locked(lock) or _answers(name):  # left by a program that was killed
                continue
            _remove_segments(name)
            try:
                yield name
            finally:
                _remove_segments(name)
            return
    raise Unavailable(f"{_NAMES} JACK servers of ours run on this machine already: end one")


def _locked(file: IO[str]) -> bool:
    """Whether ``file`` is now ours until it is closed: never on Windows."""
    if sys.platform != "win32":
        import fcntl

        with suppress(BlockingIOError):
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
    return False


def _answers(name: str) -> bool:
    return not subprocess.run(
        ("jack_lsp", "-s", name), capture_output=True, timeout=10, check=False
    ).returncode


def _remove_segments(name: str) -> None:
    for left in _SEGMENTS.glob(f"jack_*{name}_*"):
        left.unlink(missing_ok=True)
