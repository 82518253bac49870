"""A JACK server without a sound card, for benchmarks: it goes away with them.

JACK's registry has room for eight servers on a machine (``MAX_SERVERS`` in its shm.h). One that
was killed keeps its place, also after a restart of everything but the machine, until a server of
the same name is started. So names are used again: with a new one for each server, eight killed
ones are enough that none starts any more.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic, sleep
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
            if not _locked(lock) or not _quietly("jack_lsp", "-s", name):  # a killed program's
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


def _quietly(*command: str) -> int:
    """Its exit status."""
    return subprocess.run(command, capture_output=True, timeout=10, check=False).returncode


def _remove_segments(name: str) -> None:
    for left in _SEGMENTS.glob(f"jack_*{name}_*"):
        left.unlink(missing_ok=True)


RATE: Final = 48_000
_START_S: Final = 15.0


@dataclass(frozen=True)
class JackDummy:
    """A running server. ``env`` is what a child process needs to find it."""

    env: dict[str, str] = field(repr=False)
    _log: IO[bytes] = field(repr=False)

    def lost_ms(self) -> float:
        """How long its clock has stood still so far because the machine was busy, or, if it
        waits for its clients, because one of them was."""
        return sum(map(int, re.findall(r"XRun = (\d+) usec", _said(self._log)))) / 1e3

    def late(self) -> dict[str, int]:
        """How often each client was not done with a cycle when the next one began, so that it
        missed that: none of its sound is heard, or none of what it hears is written down."""
        return dict(Counter(re.findall(r"client = (.+?) was not finished", _said(self._log))))


def jackd(name: str, *options: str) -> list[str]:
    """A command that runs a server until it is told to stop, or until this process is gone.

    In real time where that is allowed, as in a studio: anywhere else a busy machine bends its
    clock.
    """
    until = ("setpriv", "--pdeathsig", "TERM") if shutil.which("setpriv") else ()
    allowed = shutil.which("chrt") and not _quietly("chrt", "-f", "10", "true")
    place = ("--realtime", "-P", "10") if allowed else ("--no-realtime",)
    return [*until, "jackd", "-n", name, *place, "--no-mlock", *options]


@contextmanager
def jack_dummy(period: int, *, waits: bool = False) -> Iterator[JackDummy]:
    """Run one with ``period`` samples a cycle; this process's own clients find it, too.

    One that ``waits`` ends no cycle before its clients have (JACK's synchronous mode), so that a
    recorder hears every sample that a player handed over. One that does not, as JACK by itself,
    skips the cycles of whoever is late.

    Raises Unavailable where jackd is not installed or does not start.
    """
    for tool in ("jackd", "jack_lsp"):
        if shutil.which(tool) is None:
            raise Unavailable(f"there is no {tool} on this machine (install jackd2)")
    with jack_name() as name, tempfile.TemporaryFile() as log, default_server(name) as env:
        mode = ("-S",) if waits else ()
        driver = ("-d", "dummy", "-r", str(RATE), "-p", str(period))
        command = jackd(name, "-t", "5000", *mode, *driver)
        process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
        try:
            end = monotonic() + _START_S
            while _quietly("jack_lsp"):
                if process.poll() is not None or monotonic() > end:
                    raise Unavailable("jackd did not start:\n" + _said(log))
                sleep(0.1)
            yield JackDummy(env, log)
        finally:
            process.terminate()
            process.wait()


@contextmanager
def default_server(name: str) -> Iterator[dict[str, str]]:
    """The environment in which JACK's clients find ``name``, this process's own, too."""
    ours = {
        "JACK_DEFAULT_SERVER": name,
        "JACK_NO_AUDIO_RESERVATION": "1",
        "JACK_NO_START_SERVER": "1",
    }
    before = {key: os.environ.get(key) for key in ours}
    os.environ.update(ours)
    try:
        yield dict(os.environ)
    finally:
        for key, value in before.items():
            if value is None:
                del os.environ[key]
            else:
                os.environ[key] = value


def _said(log: IO[bytes]) -> str:
    said = b""
    if sys.platform != "win32":  # whose jackd has no dummy sound card
        said = os.pread(log.fileno(), 1 << 24, 0)  # the server writes where a seek would lead
    return said.decode(errors="replace")
