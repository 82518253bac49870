"""Faults that the tone engine plays for tests and the soak. Nothing here acts unless the
environment variable ``MULA_TONE_FAULTS`` is set when the engine process begins.

Set to ``start``, the engine cannot start; to ``stuck``, it hangs while it starts; to anything
else, a job whose lyrics are one of these plays that fault at its fifth frame::

    fault: sticky   an error that no MulaError is, at this frame and ever after
    fault: once     the same, but the next frame works
    fault: memory   no memory, once
    fault: hang     nothing comes any more
    fault: exit     the process ends
    fault: pipe     the engine's own EOFError, which is not the daemon's end
    fault: silent   takes of even seeds are silent from there on
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from typing import Final

VARIABLE: Final = "MULA_TONE_FAULTS"
PREFIX: Final = "fault: "
SILENT: Final = f"{PREFIX}silent"
FRAME: Final = 4
"""The frame that a fault comes at: what came before it has been sent."""


class FaultPlayer:
    """What of that is asked for, in this process."""

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        self._mode = environment.get(VARIABLE, "")
        self._sticky = False

    def start(self) -> None:
        """Fail to start, if that is asked for. Raises RuntimeError."""
        if self._mode == "start":
            raise RuntimeError("no start, as MULA_TONE_FAULTS asks for")
        if self._mode == "stuck":
            _hang()

    def silences(self, lyrics: str, seed: int, index: int) -> bool:
        """Whether frame ``index`` of that take is to be silent."""
        return bool(self._mode) and lyrics == SILENT and seed % 2 == 0 and index >= FRAME

    def frame(self, lyrics: str, index: int) -> None:
        """Play the fault that frame ``index`` of a job with ``lyrics`` is to have, if any. Raises
        what it plays."""
        if self._sticky:
            raise RuntimeError("CUDA error: device-side assert triggered (played)")
        if not self._mode or index != FRAME or not lyrics.startswith(PREFIX):
            return
        fault = _FAULTS.get(lyrics.removeprefix(PREFIX).strip())
        self._sticky = fault is _sticky
        if fault is not None:
            fault()


def _sticky() -> None:
    raise RuntimeError("CUDA error: an illegal memory access was encountered (played)")


def _once() -> None:
    raise RuntimeError("a bug (played)")


def _memory() -> None:
    raise MemoryError("tried to allocate 20 GiB (played)")


def _hang() -> None:
    while True:
        time.sleep(3600)


def _exit() -> None:
    os._exit(7)


def _pipe() -> None:
    raise EOFError("a file that ends too soon (played)")


_FAULTS: Final[Mapping[str, Callable[[], None]]] = {
    "sticky": _sticky,
    "once": _once,
    "memory": _memory,
    "hang": _hang,
    "exit": _exit,
    "pipe": _pipe,
}
