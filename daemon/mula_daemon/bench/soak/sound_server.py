"""A JACK server that a soak may kill, stop and start again."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic, sleep
from typing import Final

import psutil

from mula_bridge.errors import Unavailable
from mula_daemon.bench.jack_dummy import RATE, default_server, jack_name, jackd

_PERIOD: Final = 1024
_START_S: Final = 15.0
_TIMEOUT_MS: Final = "500"
"""A client that is silent for so long is thrown out; JACK's own default."""


class SoundServer:
    """One jackd with a dummy sound card, under one name through all its deaths."""

    def __init__(self, name: str) -> None:
        self._command = jackd(name, "--port-max", "256", "--timeout", _TIMEOUT_MS)
        self._command += ["-d", "dummy", "-r", str(RATE), "-p", str(_PERIOD)]
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Run it and wait until it answers. Raises Unavailable."""
        end = monotonic() + _START_S
        while True:
            process = subprocess.Popen(
                self._command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )
            while process.poll() is None:
                if listed_ports():
                    self._process = process
                    return
                if monotonic() > end:
                    process.kill()
                    process.wait(10)
                    raise Unavailable("jackd did not answer")
                sleep(0.1)
            if monotonic() > end:
                raise Unavailable("jackd ends as soon as it starts")
            sleep(0.2)  # what the last one left is being cleared

    def kill(self) -> None:
        """End it as a crash does."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait(10)

    def suspend(self) -> None:
        """Let it hang."""
        if self._process is not None:
            psutil.Process(self._process.pid).suspend()

    def resume(self) -> None:
        """Let it go on."""
        if self._process is not None:
            psutil.Process(self._process.pid).resume()


def listed_ports() -> list[str]:
    """Every port of the server that our children find; none when it does not answer."""
    try:
        listed = subprocess.run(
            ["jack_lsp"], capture_output=True, text=True, timeout=2, check=False
        )
    except subprocess.TimeoutExpired:
        return []
    return [] if listed.returncode else listed.stdout.split()


@contextmanager
def sound_server() -> Iterator[SoundServer]:
    """Start one under a name of ours, which our children find. Raises Unavailable."""
    with jack_name() as name, default_server(name):
        server = SoundServer(name)
        try:
            server.start()
            yield server
        finally:
            server.resume()
            server.kill()
