"""Knob traces: how long, and how many frames, a knob change took to be sampled."""

from __future__ import annotations

import threading

from msgspec import Struct

from mula_bridge.control.messages import FrameReport, Origin, Report


class Applied(Struct, frozen=True):
    """When a change was first sampled.

    ``frames`` counts the frames begun after the change was sent, up to and with the
    first that had it: 1 is the next frame. ``milliseconds`` is from sending to the
    begin of that frame.
    """

    frames: int
    milliseconds: float


class FrameTrace:
    """A Listener that keeps every frame report. Fed on the session's thread, read from any."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._frames: list[FrameReport] = []

    def report(self, report: Report, *, to: Origin | None, but: Origin | None) -> None:
        """Keep it if it is a frame."""
        if isinstance(report, FrameReport):
            with self._lock:
                self._frames.append(report)

    def frames(self) -> tuple[FrameReport, ...]:
        """All frames so far, oldest first."""
        with self._lock:
            return tuple(self._frames)

    def applied(self, name: str, value: float, sent_ns: int) -> Applied | None:
        """How the change of ``name`` to ``value``, sent at ``sent_ns`` (perf_counter_ns), fared.

        Meaningful where no earlier frame had that value. None when no frame has it.
        """
        later = [frame for frame in self.frames() if frame.started_ns >= sent_ns]
        for count, frame in enumerate(later, start=1):
            if abs(frame.knobs[name] - value) < 1e-6:
                return Applied(count, (frame.started_ns - sent_ns) / 1e6)
        return None
