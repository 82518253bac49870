"""A ring of stereo audio in memory that two processes share.

One process writes (the daemon's feeder), one reads (the audio callback). Neither locks nor
waits: each side moves only its own counts, and moves them after the samples. Counts are
aligned 64-bit words, which every processor that we run on stores in one piece; the samples
between them are milliseconds old when they are read.
"""

from __future__ import annotations

import contextlib
import os
import sys
from multiprocessing.shared_memory import SharedMemory
from pathlib import Path
from time import perf_counter_ns
from typing import Final

import numpy as np
from msgspec import Struct

from mula_daemon.audio.samples import Samples

CAPACITY: Final = 1 << 16
"""Frames; more than a second at 48 kHz."""
CHANNELS: Final = 2

_WRITTEN, _TAKEN, _MUTED, _SOUNDING, _UNDERRUNS = range(5)
_CALLS, _COUNT, _PERIOD, _HEARD_NS, _VERSION = range(5, 10)
_HEADER_BYTES: Final = 128
_BYTES: Final = _HEADER_BYTES + CAPACITY * CHANNELS * 4
_TRIES: Final = 100
"""A position is written in a microsecond; a process that was ended in that never ends it."""


class Position(Struct, frozen=True):
    """The reader's newest buffer, of ``period`` frames heard from ``heard_ns`` on: ``count`` of
    them were there, beginning with ``frame``."""

    frame: int
    count: int
    period: int
    heard_ns: int


class SharedRing:
    """Both ends of the ring. ``name`` None makes it; else the other process's is opened.

    The maker calls ``unlink`` in the end. Raises OSError where there is no memory to share.
    """

    def __init__(self, name: str | None = None) -> None:
        if name is None:
            self._memory = _reserved()
        else:
            self._memory = SharedMemory(name)
        self._short = False
        buffer = self._memory.buf
        assert buffer is not None  # it is open
        self._bytes = buffer[:_HEADER_BYTES]
        self._header = self._bytes.cast("q")
        self._frames: Samples = np.ndarray(
            (CAPACITY, CHANNELS), np.float32, buffer, offset=_HEADER_BYTES
        )

    @property
    def name(self) -> str:
        """What the other process opens it by."""
        return self._memory.name

    def __del__(self) -> None:
        with contextlib.suppress(AttributeError):  # closed already, or never made
            self.close()

    def close(self) -> None:
        """Let go of the memory; nothing else may be called after it."""
        del self._frames
        self._header.release()
        self._bytes.release()
        self._memory.close()

    def unlink(self) -> None:
        """Remove it, once both processes have let go or are to lose it."""
        with contextlib.suppress(FileNotFoundError):  # somebody has tidied up
            self._memory.unlink()

    # --- the writing process ------------------------------------------------------------------

    @property
    def written(self) -> int:
        """Frames ever written."""
        return self._header[_WRITTEN]

    @property
    def taken(self) -> int:
        """Frames ever read."""
        return self._header[_TAKEN]

    @property
    def underruns(self) -> int:
        """Times that a sounding frame was due and not there."""
        return self._header[_UNDERRUNS]

    @property
    def calls(self) -> int:
        """Buffers filled so far, which shows that the interface is alive."""
        return self._header[_CALLS]

    def write(self, frames: Samples, *, sounding: bool) -> None:
        """Add float32 [n, 2]. Raises ValueError when they do not fit."""
        written = self.written
        if len(frames) > CAPACITY - (written - self.taken):
            raise ValueError(f"{len(frames)} frames do not fit into the ring")
        at = written % CAPACITY
        first = min(len(frames), CAPACITY - at)
        self._frames[at : at + first] = frames[:first]
        self._frames[: len(frames) - first] = frames[first:]
        self._header[_SOUNDING] = sounding
        self._header[_WRITTEN] = written + len(frames)

    def mute(self) -> None:
        """Let what was written so far be silence."""
        self._header[_MUTED] = self.written

    def position(self) -> Position | None:
        """Where the reader is; None before its first buffer, and while that cannot be told."""
        header = self._header
        for _ in range(_TRIES):
            version = header[_VERSION]
            count = header[_COUNT]
            found = Position(header[_TAKEN] - count, count, header[_PERIOD], header[_HEARD_NS])
            if version % 2 == 0 and version == header[_VERSION]:
                return found if header[_CALLS] else None
        return None

    # --- the reading process ------------------------------------------------------------------

    def read_into(self, out: Samples, latency_ns: int) -> None:
        """Fill ``out`` [n, 2] with what is there and then with zeros, ``latency_ns`` before it
        is heard. The audio callback: no lock, no wait, no memory for samples."""
        header = self._header
        taken = header[_TAKEN]
        count = min(len(out), header[_WRITTEN] - taken)
        at = taken % CAPACITY
        first = min(count, CAPACITY - at)
        out[:first] = self._frames[at : at + first]
        out[first:count] = self._frames[: count - first]
        if count < len(out):
            out[count:] = 0.0
            if header[_SOUNDING] and (count or not self._short):
                header[_UNDERRUNS] += 1
        self._short = count < len(out)  # one gap, however many buffers it lasts
        muted = header[_MUTED] - taken
        if muted > 0:
            out[:muted] = 0.0
        header[_VERSION] += 1
        header[_TAKEN] = taken + count
        header[_COUNT] = count
        header[_PERIOD] = len(out)
        header[_HEARD_NS] = perf_counter_ns() + latency_ns
        header[_VERSION] += 1
        header[_CALLS] += 1


def _reserved() -> SharedMemory:
    """New memory that is really there: Linux gives a page only when it is touched, and ends
    whoever touches one that /dev/shm has no room for. Raises OSError instead."""
    memory = SharedMemory(create=True, size=_BYTES)
    if sys.platform == "linux":
        try:
            with Path("/dev/shm", memory.name).open("r+b") as file:
                os.posix_fallocate(file.fileno(), 0, _BYTES)
        except OSError:
            memory.close()
            memory.unlink()
            raise
    return memory
