"""Processes of a benchmark's own, which share no interpreter lock with what is measured."""

from __future__ import annotations

import subprocess
import sys
import threading


def child(program: str, *arguments: str) -> subprocess.Popen[str]:
    """Run a module of this folder. ``communicate`` ends its input, and returns what it said; so
    does leaving a ``with``, but for what it said."""
    return subprocess.Popen(
        [sys.executable, "-m", f"mula_daemon.bench.{program}", *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def input_ended() -> threading.Event:
    """In the child: is set once standard input has ended, which asks it to stop."""
    ended = threading.Event()

    def watch() -> None:
        sys.stdin.read()
        ended.set()

    threading.Thread(target=watch, daemon=True).start()
    return ended
