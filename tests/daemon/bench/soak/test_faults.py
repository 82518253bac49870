"""What counts as a fault of a soak, and what does not."""

from __future__ import annotations

import random
import subprocess
import sys
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import psutil
import pytest

from mula_bridge.errors import Unavailable
from mula_daemon.bench.soak import injections, run
from mula_daemon.bench.soak.injections import INJECTIONS, Injection, Missed
from mula_daemon.bench.soak.rig import _lives
from mula_daemon.bench.soak.run import Soak


class Hasty(random.Random):
    """Waits for nothing."""

    def uniform(self, _low: float, _high: float) -> float:
        return 0.0


@pytest.fixture
def child() -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    yield process
    process.kill()
    process.communicate()


def test_a_kill_waits_for_a_child_that_has_just_died(child: subprocess.Popen[bytes]) -> None:
    found = iter([None, None, psutil.Process(child.pid)])
    rig: Any = SimpleNamespace(child=lambda _: next(found))
    INJECTIONS["engine killed"].inject(rig, random.Random(1))
    assert child.wait(10) != 0


def test_a_kill_that_finds_nobody_is_missed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(injections, "_SOUGHT_S", 0.06)
    rig: Any = SimpleNamespace(child=lambda _: None)
    with pytest.raises(Missed, match="no mula-audio was there"):
        INJECTIONS["audio killed"].inject(rig, random.Random(1))


@pytest.mark.skipif(sys.platform == "win32", reason="has no such entries")
def test_who_is_dead_and_not_yet_buried_is_nobody(child: subprocess.Popen[bytes]) -> None:
    found = psutil.Process(child.pid)
    assert _lives(found)
    child.kill()
    while found.status() != psutil.STATUS_ZOMBIE:
        pass
    assert not _lives(found)
    child.wait(10)
    assert not _lives(found)


def soak(monkeypatch: pytest.MonkeyPatch, error: Exception | None) -> Soak:
    """One whose only fault is that ``error``, after which all works at once."""

    def inject(*_: object) -> None:
        if error is not None:
            raise error

    monkeypatch.setattr(run, "INJECTIONS", {"x": Injection(inject, lambda _: True)})
    ears = SimpleNamespace(send=lambda *_: None)
    made = Soak(SimpleNamespace(ears=ears), Hasty(1), ["x"], 1.0)  # type: ignore[arg-type]
    monkeypatch.setattr(made, "_recovery", lambda _: (0.1, []))
    monkeypatch.setattr(made._work, "write_clip", lambda **_: None)
    made._break("x", errands=False)
    return made


def test_a_fault_counts_when_it_came_about(monkeypatch: pytest.MonkeyPatch) -> None:
    made = soak(monkeypatch, None)
    assert (made._faults["x"], len(made._recoveries), made._missed["x"]) == (1, 1, 0)


def test_a_fault_that_did_not_come_about_counts_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    made = soak(monkeypatch, Missed("nobody"))
    assert (made._faults["x"], len(made._recoveries), made._missed["x"]) == (0, 0, 1)
    assert made._amiss == []


def test_what_cannot_be_mended_is_told_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    made = soak(monkeypatch, Unavailable("it is still read-only"))
    assert made._faults["x"] == 0
    assert made._amiss == ["x: it is still read-only"]
