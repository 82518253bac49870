"""Child processes, as the system lists them."""

from __future__ import annotations

from contextlib import suppress

import psutil


def children(word: str, pid: int | None = None) -> list[psutil.Process]:
    """Those of a process, or of this one, whose command line has ``word`` in it: none that has
    ended, whether somebody asked for its status yet or not."""
    found = []
    for child in psutil.Process(pid).children():
        with suppress(psutil.NoSuchProcess):  # a ZombieProcess is one
            if word in " ".join(child.cmdline()):
                found.append(child)
    return found
