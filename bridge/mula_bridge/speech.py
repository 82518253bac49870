"""Standard output and error that cannot end whoever speaks.

A console has a code page, a pipe a reader that leaves, a log a disk that fills, and a program
without a console has neither stream. None of that is a reason for a daemon to end: what cannot be
spelt is spelt ``\\u591c``, and what nobody can take is lost.
"""

from __future__ import annotations

import contextlib
import errno
import io
import os
import sys
import time
from collections.abc import Iterator
from typing import Final, TextIO

_LATER: Final = (errno.ENOSPC, errno.EDQUOT, errno.EAGAIN, errno.EINTR)
"""Failures that may pass; after any other one nobody is there any more."""
_PATIENCE_S: Final = 1.0
"""How long a reader that takes nothing is waited for, where that can be told."""
_PAUSE_S: Final = 0.01


@contextlib.contextmanager
def unfailing() -> Iterator[None]:
    """Have stdout and stderr never raise, whatever is said and whoever listens.

    Holds for every thread of the process; for the entry of a program, and of each child. Streams
    without a file behind them stay as they are, but for letters that they cannot spell.
    """
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = (_made_unfailing(stream) for stream in before)
    try:
        yield
    finally:
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError, ValueError):
                stream.flush()
        sys.stdout, sys.stderr = before


def mute_drivers() -> None:
    """Keep what drivers write by themselves (libjack at every search) off the daemon's panel.

    For a process of its own that holds ports: its standard error is gone with it.
    """
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 2)
    os.close(null)


def is_heard() -> bool:
    """Whether somebody may still read stdout: for whoever would speak for ever. Any thread."""
    mouth = getattr(sys.stdout, "buffer", None)
    return not (isinstance(mouth, _Mouth) and mouth.is_deserted)


def _made_unfailing(stream: TextIO | None) -> TextIO:
    if stream is None:  # closed by whoever started us, or no console at all
        return io.TextIOWrapper(_Mouth(None), "utf-8", "backslashreplace")
    if isinstance(stream, io.TextIOWrapper):
        buffer = stream.buffer
        raw = getattr(buffer, "raw", buffer)
        if isinstance(raw, io.RawIOBase) and not isinstance(raw, _Mouth):
            with contextlib.suppress(OSError, ValueError):
                stream.flush()
            return io.TextIOWrapper(
                _Mouth(raw),  # without a buffer between: it takes all that it is given
                encoding=stream.encoding,
                errors="backslashreplace",
                line_buffering=stream.line_buffering,
                write_through=stream.write_through,
            )
        with contextlib.suppress(OSError, ValueError):
            stream.reconfigure(errors="backslashreplace")
    return stream


class _Mouth(io.RawIOBase):
    """Says to ``ear`` what it is told to, all of it or as much as is taken. Never raises OSError.

    Without an ear it says nothing.
    """

    def __init__(self, ear: io.RawIOBase | None) -> None:
        super().__init__()
        self._ear = ear
        self.is_deserted = ear is None

    def write(self, data: object) -> int:
        """Say ``data``; its length, whether it was heard or not."""
        left = memoryview(data)  # type: ignore[arg-type] # whatever has bytes
        size = left.nbytes
        end = time.monotonic() + _PATIENCE_S
        with contextlib.suppress(ValueError):  # closed under us
            while left and (taken := self._offer(left)) >= 0:
                left = left[taken:]
                if not taken:  # it does not block, and is full
                    if time.monotonic() >= end:
                        break
                    time.sleep(_PAUSE_S)
        return size

    def _offer(self, data: memoryview) -> int:
        """How much was taken; below 0 when there is no use in going on."""
        if self._ear is None:
            return -1
        try:
            return self._ear.write(data) or 0
        except OSError as error:
            self.is_deserted = self.is_deserted or error.errno not in _LATER
            return -1

    def writable(self) -> bool:
        """It is for nothing else."""
        return True

    def fileno(self) -> int:
        """The file behind it. Raises OSError where there is none."""
        return super().fileno() if self._ear is None else self._ear.fileno()

    def isatty(self) -> bool:
        """Whether somebody sits there."""
        return self._ear is not None and self._ear.isatty()

    @property
    def name(self) -> object:
        """What the file behind it is called."""
        return getattr(self._ear, "name", "<speech>")

    @property
    def mode(self) -> str:
        """As files have it."""
        return "wb"
