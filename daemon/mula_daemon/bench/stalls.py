"""When the machine itself stood still: who only sleeps, before all others, and is late.

On a virtual machine that shares its processors nothing that runs inside can help it. Each processor
is watched by a thread of its own, because one of them may stand still alone. Run as a program it
says "watching", and when its standard input ends prints a JSON list of pairs: when a watcher woke
(perf_counter_ns), and how many ms late.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter_ns, sleep
from typing import Final

from mula_daemon.bench.child import child

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
    stolen_ms: float = 0.0
    """What a virtual machine's host took of its processors' time, as Linux counts it."""

    def near(self, ns: int, within_ns: int = 60_000_000) -> float:
        """The longest, in ms, within so long of a moment; 0 when there was none."""
        return max((ms for at_ns, ms in self.seen if abs(at_ns - ns) <= within_ns), default=0.0)

    @property
    def figures(self) -> dict[str, float]:
        """How many there were on all processors together, the longest, and the time stolen."""
        worst_ms = max((ms for _, ms in self.seen), default=0.0)
        return {"count": len(self.seen), "worst_ms": worst_ms, "stolen_ms": self.stolen_ms}


@contextmanager
def stalls() -> Iterator[Stalls]:
    """Watch during the body, in a process of its own; without real-time priority other programs
    count as stalls, too."""
    found = Stalls()
    with child("stalls") as watch:
        assert watch.stdout is not None
        watch.stdout.readline()
        stolen_ms = _stolen_ms()
        yield found
        found.stolen_ms = round(_stolen_ms() - stolen_ms, 1)
        found.seen += [(at_ns, ms) for at_ns, ms in json.loads(watch.communicate()[0])]


def _stolen_ms() -> float:
    """Since the start of the machine, of all processors; 0 where nobody counts it (proc(5))."""
    if sys.platform == "linux":
        with suppress(OSError):
            of_all = Path("/proc/stat").read_text(encoding="ascii").split("\n", 1)[0].split()
            return int(of_all[8]) * 1e3 / os.sysconf("SC_CLK_TCK")
    return 0.0


def main() -> None:
    """Watch until standard input ends."""
    ended = threading.Event()
    seen: list[tuple[int, float]] = []
    watchers = [
        threading.Thread(target=_watch, args=(number, seen, ended)) for number in _processors()
    ]
    for watcher in watchers:
        watcher.start()
    print("watching", flush=True)
    sys.stdin.read()
    ended.set()
    for watcher in watchers:
        watcher.join()
    print(json.dumps(sorted(seen)), flush=True)


def _processors() -> list[int | None]:
    """Those that may be used; None where a thread cannot choose its own."""
    usable: list[int | None] = [None]
    if sys.platform == "linux":
        usable = [*sorted(os.sched_getaffinity(0))]
    return usable


def _watch(processor: int | None, seen: list[tuple[int, float]], ended: threading.Event) -> None:
    if sys.platform == "linux" and processor is not None:
        os.sched_setaffinity(0, {processor})  # this thread's
        with suppress(OSError):
            os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(_PRIORITY))
    last = perf_counter_ns()
    while not ended.is_set():
        sleep(_NAP_S)
        now = perf_counter_ns()
        late_ms = (now - last) / 1e6 - 1e3 * _NAP_S
        if late_ms > WORTH_MS:
            seen.append((now, round(late_ms, 2)))
        last = now


if __name__ == "__main__":
    main()
