"""Machines with several interfaces, out of Linux's network namespaces; for root on Linux only."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest


class Machine:
    """A network namespace, in which programs can be run."""

    def __init__(self, name: str) -> None:
        self.name = name

    def ip(self, *words: str) -> None:
        """Set up the network in it."""
        _ip("-n", self.name, *words)

    def python(self, code: str, *words: str) -> subprocess.Popen[str]:
        """Run a program in it, whose output can be read."""
        command = ["ip", "netns", "exec", self.name, sys.executable, "-c", code, *words]
        return subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        )


@contextmanager
def machines(*names: str) -> Iterator[list[Machine]]:
    """Machines with nothing but loopback; skips where there can be none."""
    if sys.platform != "linux" or shutil.which("ip") is None or os.geteuid() != 0:
        pytest.skip("network namespaces need Linux, root and iproute2")
    made: list[Machine] = []
    try:
        for name in names:
            machine = Machine(f"mula{os.getpid()}{name}")
            try:
                _ip("netns", "add", machine.name)
            except subprocess.CalledProcessError as error:
                pytest.skip(f"no network namespaces here: {error.stderr.strip()}")
            made.append(machine)
            machine.ip("link", "set", "lo", "up")
        yield made
    finally:
        for machine in made:
            _ip("netns", "del", machine.name)


def connect(one: Machine, other: Machine, name: str, address: str, far: str) -> None:
    """A cable, which is called ``name`` at both ends, with an address at each."""
    _ip("link", "add", name, "netns", one.name, "type", "veth", "peer", "name", name, "netns",
        other.name)  # fmt: skip
    for machine, its in ((one, address), (other, far)):
        machine.ip("addr", "add", its, "dev", name)
        machine.ip("link", "set", name, "up")


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True, text=True, timeout=10)
