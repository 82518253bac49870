"""Whether a DAW may hold a WAV, by the traces that DAWs leave."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Final

ANALYSES: Final = (".asd", ".reapeaks")
"""What DAWs put beside a WAV that they have loaded, after its full name: Ableton Live's
analysis, REAPER's peaks. Logic, Cubase and Pro Tools copy into their projects, or ask."""


def may_be_in_use(wav: Path) -> bool:
    """Whether a DAW has loaded ``wav`` or some other process has it open.

    Open files can be seen on Linux only, and only those of the same user. Windows says so
    when it is asked to remove one. A DAW that leaves no trace and has its project closed
    is not seen; it finds the clip again by its name, which never changes. Any thread;
    some 10 ms.
    """
    if any(os.path.lexists(f"{wav}{ending}") for ending in ANALYSES):
        return True
    return sys.platform == "linux" and _is_open_elsewhere(wav)


def _is_open_elsewhere(path: Path) -> bool:
    try:
        wanted, names = path.stat(), {path.name, path.resolve().name}
        processes = [entry for entry in Path("/proc").iterdir() if entry.name.isdecimal()]
    except OSError:
        return False
    return any(
        _has_open(process, names, (wanted.st_dev, wanted.st_ino))
        for process in processes
        if int(process.name) != os.getpid()
    )


def _has_open(process: Path, names: set[str], wanted: tuple[int, int]) -> bool:
    try:
        handles = list((process / "fd").iterdir())
    except OSError:  # another user's, or gone
        return False
    for handle in handles:
        try:
            # By its name first: to look at a file on a share that is gone may take for ever.
            if handle.readlink().name not in names:
                continue
            found = handle.stat()
        except OSError:
            continue
        if (found.st_dev, found.st_ino) == wanted:
            return True
    return False
