"""``mula bench soak``: the daemon at work while everything around it fails.

A daemon plays live and writes clips; a script with a seed brings about one fault after another,
some two a minute, each kind as often as the others: processes killed, JACK killed or hung,
controllers unplugged, maps broken, folders unwritable, full or gone, poisoned requests, floods,
hostile packets, clients that never read, jumps of the clock. After each, every part has to work
again within ``--deadline`` seconds (``recovered``, ``worst_recovery_s``: from the end of the fault
until OSC, TCP, the page, frames, sound and a MIDI knob were all seen to work), and a capture, a
clip, a request and a knob are asked for. A kill that found nobody is no fault (``missed``).
At the end nothing may be lost: every job that was asked for was accepted or refused within ten
seconds, every job and request has ended, every clip that was announced is whole, and what should
have been told was told (``lost``).

Where JACK itself hangs (``jack_lsp`` has no answer either) it is started again, and that is counted
(``jack_hung``): no client can do anything about it.

Limit: what this machine can do (``left_out``); a look at all parts takes some 0.3 s by itself.
"""

from __future__ import annotations

import argparse
import random
import shutil
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from time import monotonic, sleep
from typing import Any, Final

from mula_bridge.errors import Unavailable
from mula_daemon.bench.figures import percentile, print_json
from mula_daemon.bench.soak.injections import INJECTIONS, Missed
from mula_daemon.bench.soak.rig import Rig, rig
from mula_daemon.bench.soak.sound_server import listed_ports
from mula_daemon.bench.soak.work import OrdinaryWork

_MEMORY_MB: Final = 48.0
"""The daemon may have grown by so much; the allocator wanders by some 20."""
_SETTLED: Final = 0.25
"""After so much of the time every bounded buffer is full: memory is compared from here on."""
_SPARE: Final = 3
"""Threads and descriptors more than at the start that are not yet a leak."""
_REST_S: Final = 2.0
_SELDOM: Final = 10
_TOLD_S: Final = 5.0
_QUIET_S: Final = 3.0
_JACK: Final = ("jackd", "jack_lsp")


def main(argv: Sequence[str]) -> int:
    """Soak and print one JSON line; exit status 1 when anything was lost or did not recover."""
    made = argparse.ArgumentParser(
        prog="mula bench soak",
        description=__doc__,
        epilog="faults: " + ", ".join(INJECTIONS),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument("--minutes", type=float, default=3.0)
    made.add_argument("--seed", type=int, default=0)
    made.add_argument("--engine", default="mini")
    made.add_argument(
        "--every",
        type=float,
        default=30.0,
        help="seconds between faults; 0: one right after the other, with errands after each tenth",
    )
    made.add_argument("--faults", type=int, default=0, help="end after so many (0: by the time)")
    made.add_argument("--only", default="", help="kinds of faults, with commas between")
    made.add_argument("--deadline", type=float, default=30.0, help="seconds to recover in")
    parsed = made.parse_args(argv)
    only = [name.strip() for name in parsed.only.split(",") if name.strip()]
    for name in only:
        if name not in INJECTIONS:
            made.error(f"--only {name!r}: there is {', '.join(INJECTIONS)}")
    jack = all(map(shutil.which, _JACK))
    with rig(parsed.engine, jack=jack) as running:
        soak = Soak(running, random.Random(parsed.seed), only, parsed.deadline)
        figures = soak.run(parsed.minutes * 60, parsed.every, parsed.faults)
    print_json(
        bench="soak",
        engine=parsed.engine,
        minutes=round(figures.pop("seconds") / 60, 2),
        seed=parsed.seed,
        jack=jack,
        **figures,
    )
    return int(bool(figures["lost"] or figures["recovered"] < sum(figures["faults"].values())))


class Soak:
    """One run of it."""

    def __init__(self, rig: Rig, rng: random.Random, only: Sequence[str], deadline: float) -> None:
        self._rig = rig
        self._rng = rng
        self._deadline = deadline
        self._work = OrdinaryWork(rig)
        self._kinds = list(only or INJECTIONS)
        self._faults: Counter[str] = Counter()
        self._recoveries: list[tuple[float, str]] = []
        self._amiss: list[str] = []
        self._left_out: set[str] = set()
        self._missed: Counter[str] = Counter()
        """Faults that did not come about."""
        self._jack_hung = 0

    def run(self, seconds: float, every: float, most: int) -> dict[str, Any]:
        """Work and break things until the time, or ``most`` faults, is over; the figures."""
        self._work.set_up()
        now = monotonic()
        _, broken = self._work.recovery(now, now, self._deadline)
        broken += self._work.errands(monotonic() + self._deadline)
        if broken:
            self._amiss.append(f"before any fault: {', '.join(broken)} did not work")
        begun, before = monotonic(), _usage(self._rig)
        settled = False
        kinds = self._shuffled()
        while monotonic() - begun < seconds and not 0 < most <= sum(self._faults.values()):
            started = monotonic()
            if not settled and started - begun > seconds * _SETTLED:
                settled, before["memory_mb"] = True, _usage(self._rig)["memory_mb"]
            if not self._rig.runs:
                self._amiss.append("the daemon ended: " + " | ".join(list(self._rig.said)[-5:]))
                break
            due = every > 0 or sum(self._faults.values()) % _SELDOM == 0
            self._break(next(kinds), errands=due)
            while monotonic() - started < every * self._rng.uniform(0.7, 1.3):
                if monotonic() - begun > seconds:
                    break
                self._work.errands(monotonic() + self._deadline)
                sleep(_REST_S)
        return self._figures(monotonic() - begun, before)

    def _break(self, kind: str, *, errands: bool) -> None:
        injection = INJECTIONS[kind]
        if not injection.needs(self._rig):
            self._left_out.add(kind)
            return
        if self._rng.random() < 0.5:
            self._work.play()
        else:
            self._work.write_clip(bars=8, pace=1.0)
        sleep(self._rng.uniform(0.2, 1.5))
        begun = monotonic()
        try:
            injection.inject(self._rig, self._rng)
        except Missed as missed:
            self._missed[kind] += 1
            print(f"{kind}: {missed}; it does not count", file=sys.stderr, flush=True)
            return
        except Unavailable as error:  # it cannot be mended, which is none of the daemon's doing
            self._amiss.append(f"{kind}: {error}")
            return
        self._faults[kind] += 1
        over = monotonic()
        if injection.told and not self._rig.ears.wait(
            injection.told, _TOLD_S, lambda _: True, since=begun
        ):
            self._amiss.append(f"{kind}: nothing was said on {injection.told}")
        took, broken = self._recovery(over)
        if errands:
            broken += self._work.errands(over + self._deadline)
        if broken:
            said = self._rig.ears.last("/mula/error")
            self._amiss.append(
                f"{kind}: {', '.join(broken)} did not work in {self._deadline:g} s; "
                f"the last error said: {said}"
            )
        else:
            self._recoveries.append((took, kind))
        note = f"{kind}: {took:.2f} s" if not broken else self._amiss[-1]
        print(note, file=sys.stderr, flush=True)

    def _recovery(self, over: float) -> tuple[float, list[str]]:
        """Seconds from ``over`` until every part works, and what never did."""
        took, broken = self._work.recovery(over, monotonic(), self._deadline)
        if broken and self._rig.server is not None and not listed_ports():
            self._jack_hung += 1  # for everybody; a musician starts it again, and so do we
            self._rig.server.kill()
            self._rig.server.start()
            took, broken = self._work.recovery(over := monotonic(), over, self._deadline)
        return took, broken

    def _figures(self, seconds: float, before: dict[str, float]) -> dict[str, Any]:
        rig, ears = self._rig, self._rig.ears
        ears.send("/mula/live", 0)
        end = monotonic() + 2 * self._deadline
        while (rig.ledger.open_jobs() or rig.ledger.unanswered()) and monotonic() < end:
            sleep(0.1)
        sleep(_QUIET_S)
        after = _usage(rig) if rig.runs else before
        underruns = self._underruns()
        clips, requests = len(rig.ledger.clips), len(rig.ledger.requests)
        lost = rig.ledger.lost(rig.disk.clips) + self._amiss + _grown(before, after)
        status = rig.end()
        if status:
            lost.append(f"it ended with status {status}")
        if status is None:
            lost.append("it did not end when it was asked to")
        times = [took for took, _ in self._recoveries]
        return {
            "seconds": seconds,
            "faults": dict(sorted(self._faults.items())),
            "recovered": len(self._recoveries),
            "worst_recovery_s": round(max(times, default=0.0), 2),
            "worst_kind": max(self._recoveries, default=(0.0, ""))[1],
            "recovery_p95_s": round(percentile(times, 95), 2) if times else 0.0,
            "recovery_p50_s": round(percentile(times, 50), 2) if times else 0.0,
            "clips": clips,
            "requests": requests,
            "jobs": len(rig.ledger.jobs),
            "lost": lost,
            "underruns": underruns,
            "jack_hung": self._jack_hung,
            "retried": self._work.retried,
            "before": before,
            "after": after,
            "missed": dict(sorted(self._missed.items())),
            "left_out": sorted(self._left_out - set(self._faults)),
            "limit": "what this machine can have go wrong, and its processor time",
        }

    def _underruns(self) -> int:
        since = monotonic()
        self._rig.ears.send("/mula/status")
        said = self._rig.ears.wait("/mula/status", 2.0, lambda _: True, since=since)
        return int(said[5]) if said else -1

    def _shuffled(self) -> Iterator[str]:
        """Every kind as often as the others, in no order."""
        while True:
            deck = list(self._kinds)
            self._rng.shuffle(deck)
            yield from deck


def _usage(rig: Rig) -> dict[str, float]:
    daemon = rig.daemon
    descriptors = daemon.num_handles() if sys.platform == "win32" else daemon.num_fds()
    return {
        "memory_mb": round(daemon.memory_info().rss / 1e6, 1),
        "threads": daemon.num_threads(),
        "descriptors": descriptors,
        "children": len(rig.family()) - 1,
    }


def _grown(before: dict[str, float], after: dict[str, float]) -> list[str]:
    room = {"memory_mb": _MEMORY_MB, "threads": _SPARE, "descriptors": _SPARE, "children": 0}
    return [
        f"{name} grew from {before[name]:g} to {after[name]:g}"
        for name, spare in room.items()
        if after[name] > before[name] + spare
    ]
