"""Stand-ins for the parts around the one under test, and a way to wait for a report."""

from __future__ import annotations

import threading
from collections.abc import Callable
from time import monotonic
from typing import Any, TypeVar

from mula_bridge.control.messages.origin import Origin
from mula_bridge.control.messages.reports import Report
from mula_daemon.engine.messages import Pace
from mula_daemon.engine.process import HostListener
from mula_daemon.engine.seam import ClipRequest, EngineInfo, FrameKnobs

R = TypeVar("R")


class FakeHost:
    """An EngineHost that only notes what it was told."""

    def __init__(self) -> None:
        self.turns: list[FrameKnobs] = []
        self.runs: list[ClipRequest] = []
        self.engines: list[EngineInfo] = []
        self.aborts: list[str] = []
        self.paces: list[Pace] = []
        self.stopped = False

    def start(self, listener: HostListener) -> None: ...

    def turn(self, knobs: FrameKnobs) -> None:
        self.turns.append(knobs)

    def run(self, request: ClipRequest, engine: EngineInfo) -> None:
        self.runs.append(request)
        self.engines.append(engine)

    def pace(self, pace: Pace) -> None:
        self.paces.append(pace)

    def abort(self, job: str) -> None:
        self.aborts.append(job)

    def stop(self, timeout: float = 1.5) -> None:
        self.stopped = True


class Ear:
    """A Listener that remembers every report, and lets a test wait for one."""

    def __init__(self) -> None:
        self.heard: list[tuple[Report, Origin | None, Origin | None]] = []
        self._news = threading.Condition()

    def report(self, report: Report, *, to: Origin | None, but: Origin | None) -> None:
        with self._news:
            self.heard.append((report, to, but))
            self._news.notify_all()

    def all(self, kind: type[R]) -> list[R]:
        with self._news:
            return [report for report, _, _ in self.heard if isinstance(report, kind)]

    def wait(
        self, kind: type[R], test: Callable[[R], Any] = lambda _: True, timeout: float = 20.0
    ) -> R:
        """The first report of ``kind`` that passes ``test``, heard already or to come."""
        end = monotonic() + timeout
        with self._news:
            while True:
                for report, _, _ in self.heard:
                    if isinstance(report, kind) and test(report):
                        return report
                left = end - monotonic()
                if left <= 0 or not self._news.wait(left):
                    seen = [report for report, _, _ in self.heard][-10:]
                    raise AssertionError(f"no {kind.__name__} in {timeout} s; last heard: {seen}")


class Unending:
    """A process that no signal ends, while its driver hangs in the kernel."""

    def __init__(self) -> None:
        self.hangs = True

    def kill(self) -> None: ...

    def join(self, timeout: float) -> None: ...

    def is_alive(self) -> bool:
        return self.hangs
