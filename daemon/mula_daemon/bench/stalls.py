"""When the machine itself stood still: a program that only sleeps, before all others, and is late.

On a virtual machine that shares its processors nothing that runs inside can help it. Run as a
program it says "watching", and when its standard input ends prints a JSON list of pairs: when it
woke (perf_counter_ns), and how many ms late.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from time import perf_counter_ns, sleep
from typing import Final

WORTH_MS: Final = 4.0
"""A lateness that is told."""
_NAP_S: Final = 0.004
_PRIORITY: Final = 60
"""Above JACK's server in these benchmarks (10)."""


@dataclass(slots=True)
class Stalls:
    """What was seen, once the watch is over."""

    seen: list[tuple[int, float]] = field(default_factory=list)
    """When each was over (perf_counter_ns), and its length in ms."""

    def near(self, ns: int, within_ns: int = 60_000_000) -> float:
        """The longest, in ms, within so long of a moment; 0 when there was none."""
        return max((ms for at_ns, ms in self.seen if abs(at_ns - ns) <= within_ns), default=0.0)

    @property
    def figures(self) -> dict[str, float]:
        """How many there were, and the longest in ms."""
        return {"count": len(self.seen), "worst_ms": max((ms for _, ms in self.seen), default=0.0)}


@contextmanager
def stalls() -> Iterator[Stalls]:
    """Watch during the body, in a process of its own; without real-time priority other programs
    count as stalls, too."""
    found = Stalls()
    command = [sys.executable, "-m", "mula_daemon.bench.stalls"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as watch:
        assert watch.stdin is not None
        assert watch.stdout is not None
        watch.stdout.readline()
        try:
            yield found
        finally:
            watch.stdin.close()
            found.seen += [(at_ns, ms) for at_ns, ms in json.loads(watch.stdout.read())]


def main(_argv: Sequence[str] = ()) -> int:
    """Watch until standard input ends."""
    ended = threading.Event()

    def wait() -> None:
        sys.stdin.read()
        ended.set()

    threading.Thread(target=wait, daemon=True).start()
    if sys.platform == "linux":
        with suppress(OSError):
            os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(_PRIORITY))
    print("watching", flush=True)
    seen: list[tuple[int, float]] = []
    last = perf_counter_ns()
    while not ended.is_set():
        sleep(_NAP_S)
        now = perf_counter_ns()
        late_ms = (now - last) / 1e6 - 1e3 * _NAP_S
        if late_ms > WORTH_MS:
            seen.append((now, round(late_ms, 2)))
        last = now
    print(json.dumps(seen), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
