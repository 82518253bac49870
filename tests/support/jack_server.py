"""A JACK server of our own for tests: real ports and real audio, no hardware.

Clients inside the test process (rtmidi, PortAudio) find the server by
``JACK_DEFAULT_SERVER`` when they open, so it is set in ``os.environ`` while the
server runs. Nothing else on the machine is touched: the name is ours.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import BinaryIO

import pytest

from mula_daemon.bench.jack_dummy import JackDummy, default_server, jack_name, jackd

_TOOLS = ("jackd", "jack_lsp", "jack_connect", "jack_disconnect")
_START_SECONDS = 15.0


def why_no_jack() -> str:
    """Why no server can be started here; empty when one can."""
    missing = [tool for tool in _TOOLS if shutil.which(tool) is None]
    return f"no {', '.join(missing)} on this machine (install jackd2)" if missing else ""


@dataclass
class JackServer:
    """A running server. ``env`` is what a child process needs to find it."""

    name: str
    period: int
    rate: int
    timeout_ms: int
    env: dict[str, str] = field(repr=False)
    log: BinaryIO = field(repr=False)
    process: subprocess.Popen[bytes] = field(init=False, repr=False)

    def start(self) -> None:
        """Run ``jackd``, and wait until it answers. Raises RuntimeError with its log."""
        command = jackd(self.name, "--port-max", "256", "--timeout", str(self.timeout_ms))
        command += ["-d", "dummy", "-r", str(self.rate), "-p", str(self.period)]
        self.process = subprocess.Popen(
            command, env=self.env, stdout=self.log, stderr=subprocess.STDOUT
        )
        deadline = time.monotonic() + _START_SECONDS
        while not self.ports():
            if self.process.poll() is not None or time.monotonic() > deadline:
                said = os.pread(self.log.fileno(), 1 << 16, 0).decode(errors="replace")
                raise RuntimeError(f"jackd did not start:\n{said}")
            time.sleep(0.05)

    def lost_seconds(self) -> float:
        """How much time it has lost so far because the machine was busy: its clock stood still,
        or it went on without a client that was late, a period each time."""
        said = JackDummy(self.env, self.log)
        periods = sum(said.late().values())
        return said.lost_ms() / 1e3 + periods * self.period / self.rate

    def ports(self) -> list[str]:
        """Every port's full name, as in ``client:port``."""
        listed = self._run("jack_lsp")
        return listed.stdout.split("\n")[:-1] if listed.returncode == 0 else []

    def find(self, part: str, timeout: float = 5.0) -> str:
        """The first port whose name contains ``part``; waits for it to appear."""
        deadline = time.monotonic() + timeout
        while True:
            ports = self.ports()
            for port in ports:
                if part in port:
                    return port
            if time.monotonic() > deadline:
                raise LookupError(f"no JACK port contains {part!r}; there are {ports}")
            time.sleep(0.05)

    def peers(self, port: str) -> str:
        """What ``jack_lsp`` says of a port and those that it is connected to."""
        return self._run("jack_lsp", "-c", port).stdout

    def connect(self, source: str, target: str) -> None:
        """Plug an output port into an input port, both by full name."""
        self._must("jack_connect", source, target)

    def disconnect(self, source: str, target: str) -> None:
        """Unplug what ``connect`` plugged."""
        self._must("jack_disconnect", source, target)

    def stop(self) -> None:
        """End the server, as a crash would for its clients. May be called twice.

        Close clients of this process before it opens another one: at the next open
        libjack frees what a dead server left, and a close after that crashes.
        """
        self.process.terminate()
        try:
            self.process.wait(1)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def _run(self, *command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command, env=self.env, capture_output=True, text=True, timeout=10, check=False
        )

    def _must(self, *command: str) -> None:
        done = self._run(*command)
        if done.returncode:
            raise RuntimeError(f"{' '.join(command)}: {done.stdout}{done.stderr}")


@contextmanager
def jack_server(
    period: int = 1024, rate: int = 48000, *, timeout_ms: int = 500
) -> Iterator[JackServer]:
    """Run a dummy server (``period`` in samples, ``rate`` in Hz) for the body; skip without jackd.

    Periods below 128 lose MIDI messages now and then. A client that is late by
    ``timeout_ms`` is thrown out.
    """
    if why := why_no_jack():
        pytest.skip(why)
    with jack_name() as name, tempfile.TemporaryFile() as log, default_server(name) as env:
        server = JackServer(name, period, rate, timeout_ms, env, log)
        try:
            server.start()
            yield server
        finally:
            server.stop()
