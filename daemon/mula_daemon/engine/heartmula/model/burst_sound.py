"""The sound of live play in bursts: each window is waited for, weighed, and the plan kept to it.

Nothing is made between two bursts, so whoever waits for a window takes nobody's time; and its sound
must not lie about until the next burst. Engine process only; one thread at a time.
"""

from __future__ import annotations

from collections.abc import Iterator
from time import perf_counter
from typing import Protocol

from mula_bridge.control.messages import Notice
from mula_daemon.engine.heartmula.model.effort import Effort
from mula_daemon.engine.heartmula.model.live_plan import LivePlan, LiveWatch
from mula_daemon.engine.playing import MadeFrame
from mula_daemon.engine.seam import AudioBlock, Timing


class Windows(Protocol):
    """What a burst's frames are decoded with: `DecodedTakes` in short."""

    @property
    def effort(self) -> Effort: ...
    def add(self, frame: MadeFrame, made_s: float) -> Iterator[AudioBlock | Notice]: ...
    def settle(self) -> Iterator[AudioBlock | Notice]: ...
    def resize(self, hop: int) -> None: ...
    def rest(self) -> Iterator[AudioBlock]: ...


class BurstSound:
    """The sound of an endless ``job`` that is made by ``plan``."""

    def __init__(self, job: str, windows: Windows, plan: LivePlan) -> None:
        self._job = job
        self._windows = windows
        self._watch = LiveWatch(plan)
        self._left = plan.settings.hop
        """Frames until the window is full."""
        self._lacking = plan.settings.context
        """Frames until windows have all their context; what takes less before says nothing."""
        self._frames_s = 0.0
        """What those of this burst took."""

    def add(self, frame: MadeFrame, made_s: float) -> Iterator[AudioBlock | Notice | Timing]:
        """With the last frame of a burst all of its sound, and what changes for the next one."""
        share = self._windows.effort.share
        start = perf_counter()
        found: list[AudioBlock | Notice] = list(self._windows.add(frame, made_s))
        self._frames_s += made_s
        self._left -= 1
        if self._left:
            yield from found
            return
        found += self._windows.settle()
        window_s = perf_counter() - start
        yield from found
        yield from self._news(window_s, share)
        self._left, self._frames_s = self._watch.plan.settings.hop, 0.0

    def _news(self, window_s: float, share: float) -> Iterator[Notice | Timing]:
        """What of the plan is new after a burst whose window took so long."""
        old = self._watch.plan
        if self._lacking > 0:
            self._lacking -= old.settings.hop
            return
        new = self._watch.weigh(self._frames_s, window_s, share)
        if new is None:
            return
        if new.settings.hop != old.settings.hop:
            self._windows.resize(new.settings.hop)
            yield Notice(self._job, "live_timing", f"from now on {new.words}")
        yield Timing(self._job, new.burst_frames, new.delay_s)

    def rest(self) -> Iterator[AudioBlock]:
        """What is left."""
        yield from self._windows.rest()
