"""The seams of a soak: a clock that jumps, and children that are named."""

from __future__ import annotations

import subprocess
import sys

CLOCK = """
import time, datetime
true = time.time()
from mula_daemon.bench.soak.launcher import WallClock
clock = WallClock()
clock.install()
from time import time as bound
clock.obey_input()
print(round((bound() - true) / 3600, 1))
print(round((datetime.datetime.now(datetime.UTC).timestamp() - true) / 3600, 1))
print(isinstance(datetime.datetime.fromisoformat("2026-01-01"), datetime.datetime))
"""
CHILD = """
import multiprocessing
from mula_daemon.bench.soak.launcher import tell_children
tell_children()
child = multiprocessing.get_context("spawn").Process(target=print, name="mula-engine")
child.start()
child.join(20)
"""


def run(program: str, said: str = "") -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", program],
        input=said,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return done.stdout.split("\n")


def test_the_time_of_day_jumps_as_often_as_it_is_told_to() -> None:
    assert run(CLOCK, "jump 3600\njump 7200\n")[:3] == ["3.0", "3.0", "True"]


def test_each_child_is_named_with_its_process_id() -> None:
    first = run(CHILD)[0].split()
    assert first[:3] == ["soak", "child", "mula-engine"]
    assert int(first[3]) > 0
