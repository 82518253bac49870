"""The name under which a process is listed."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path


def call_process(name: str) -> None:
    """Have ``ps`` and ``top`` list this process as ``name``, at most 15 letters. The main thread.

    On Linux alone (see proc(5), comm); elsewhere it stays another python. Never raises.
    """
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            Path("/proc/self/comm").write_text(name, encoding="ascii")
