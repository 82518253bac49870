"""From the knob to the ear: when each change was sampled, and when it is heard."""

from __future__ import annotations

import heapq
import threading
from collections.abc import Callable
from itertools import count
from time import perf_counter_ns
from typing import Final

from mula_bridge.control import FRAME_KNOBS, Service
from mula_bridge.control.messages import FrameReport, Heard, KnobChanged, Origin, Report

MOST_DUE: Final = 1024
"""Reports that wait for their time; each knob has one in a frame, and frames are heard soon."""

HeardAt = Callable[[str, int], int | None]
"""Job and number of a frame -> perf_counter_ns when it is heard, if that is known."""


def heard_by(*sources: HeardAt) -> HeardAt:
    """What the first of several knows."""

    def heard_at(job: str, frame: int) -> int | None:
        known = (source(job, frame) for source in sources)
        return next((at_ns for at_ns in known if at_ns is not None), None)

    return heard_at


class KnobTrace:
    """A Listener that follows each acknowledged change of a frame knob. Session thread.

    ``heard`` is called with each Heard and the perf_counter_ns at which it comes true. A value
    that was overtaken before any frame was sampled with it is never heard.
    """

    def __init__(self, heard_at: HeardAt, heard: Callable[[Heard, int], None]) -> None:
        self._heard_at = heard_at
        self._heard = heard
        self._waiting: dict[str, tuple[float, int]] = {}
        """Of each knob its value, and perf_counter_ns when it came."""

    def report(self, report: Report, *, to: Origin | None, but: Origin | None) -> None:
        """Take note of a change, and of the frames that follow."""
        match report:
            case KnobChanged(name, int() | float() as value) if name in FRAME_KNOBS and to is None:
                received_ns = but.received_ns if but is not None else 0
                self._waiting[name] = value, received_ns or perf_counter_ns()
            case FrameReport():
                self._frame(report)

    def _frame(self, frame: FrameReport) -> None:
        sampled = [
            name
            for name, (value, received_ns) in self._waiting.items()
            if frame.knobs[name] == value and frame.started_ns >= received_ns
        ]
        if not sampled:
            return
        at_ns = self._heard_at(frame.job, frame.index)
        for name in sampled:
            value, received_ns = self._waiting.pop(name)
            if at_ns is not None:
                whole = (at_ns - received_ns) / 1e6
                waited = (frame.started_ns - received_ns) / 1e6
                self._heard(Heard(name, value, whole, waited, frame.index), at_ns)


class Punctual(Service):
    """Hands reports over when their time has come. Any thread may ``hand``."""

    def __init__(self, give: Callable[[Heard], None]) -> None:
        super().__init__("heard")
        self._give = give
        self._news = threading.Condition()
        self._numbers = count()
        self._due: list[tuple[int, int, Heard]] = []

    def wake(self) -> None:
        """Forget what is not due yet."""
        with self._news:
            self._news.notify()

    def hand(self, report: Heard, at_ns: int) -> None:
        """Give ``report`` away at ``at_ns`` (perf_counter_ns). Of too many the one that was to
        be given away first is forgotten."""
        with self._news:
            if len(self._due) >= MOST_DUE:
                heapq.heappop(self._due)
            heapq.heappush(self._due, (at_ns, next(self._numbers), report))
            self._news.notify()

    def run(self) -> None:
        """Hand over what is due, and wait for the next."""
        while True:
            with self._news:
                while not self.stopping.is_set():
                    left = (self._due[0][0] - perf_counter_ns()) / 1e9 if self._due else None
                    if left is not None and left <= 0:
                        break
                    self._news.wait(left)
                if self.stopping.is_set():
                    return
                _, _, report = heapq.heappop(self._due)
            with self.item("what was heard"):
                self._give(report)
