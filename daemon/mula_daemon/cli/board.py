"""What the last reports add up to: the state that the panel and the log lines show.

Fed on the session's thread, read from the main thread.
"""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path

from mula_bridge.control.messages import (
    AudioDevice,
    AudioReport,
    ClipReady,
    DeviceState,
    EngineChanged,
    EngineState,
    Failed,
    FrameReport,
    Heard,
    JobChanged,
    JobState,
    KnobChanged,
    LiveChanged,
    LyricsChanged,
    Notice,
    Origin,
    Progress,
    Prompt,
    Report,
    ServiceChanged,
    ServiceState,
    TagsChanged,
)


@dataclass(slots=True)
class Board:
    """The newest of everything. A Listener; ``lines`` are ready to print, oldest first."""

    knobs: dict[str, KnobChanged] = field(default_factory=dict)
    tags: dict[Prompt, tuple[str, ...]] = field(default_factory=dict)
    engine: EngineChanged = field(default_factory=lambda: EngineChanged(EngineState.STARTING))
    job: str = ""
    progress: float = 0.0
    sampled: dict[str, float] = field(default_factory=dict)
    heard: dict[str, Heard] = field(default_factory=dict)
    live: bool = False
    audio: AudioReport | None = None
    clips: deque[ClipReady] = field(default_factory=lambda: deque(maxlen=6))
    lines: deque[str] = field(default_factory=lambda: deque(maxlen=200))
    services: dict[str, ServiceChanged] = field(default_factory=dict)
    changed: threading.Event = field(default_factory=threading.Event)

    def report(self, report: Report, *, to: Origin | None, but: Origin | None) -> None:
        """Take what is news for everyone; and errors, whoever they are for."""
        if to is not None and not isinstance(report, Failed):
            return
        self._note(report)
        self.changed.set()

    def _note(self, report: Report) -> None:
        match report:
            case KnobChanged(name):
                self.knobs[name] = report
            case TagsChanged(tags, prompt):
                self.tags[prompt] = tags
                self.lines.append(f"tags {prompt.value}: {', '.join(tags) or '(none)'}")
            case LyricsChanged(text):
                self.lines.append(f"lyrics: {len(text)} characters")
            case EngineChanged(state, detail):
                self.engine = report
                self.lines.append(f"engine {state.value}: {detail}")
            case JobChanged(job, state, reason):
                self._job(job, state)
                self.lines.append(f"job {job} {state.value}" + (f": {reason}" if reason else ""))
            case FrameReport(knobs=knobs):
                self.sampled = dict(knobs)
            case Heard(name):
                self.heard[name] = report
            case LiveChanged(on, reason):
                self.live = on
                self.lines.append(
                    f"live {'on' if on else 'off'}" + (f": {reason}" if reason else "")
                )
            case Progress(fraction=fraction):
                self.progress = fraction
            case ClipReady(path=path, seconds=seconds, seed=seed):
                self.clips.append(report)
                self.lines.append(f"clip {Path(path).name} ({seconds:.2f} s, seed {seed})")
            case AudioReport():
                if self.audio is not None and report.underruns > self.audio.underruns:
                    self.lines.append(f"audio: {report.underruns} underruns so far")
                self.audio = report
            case Notice(job, _, text):
                self.lines.append(f"job {job}: {text}" if job else text)
            case AudioDevice(state=DeviceState.OPEN, name=name, latency_ms=latency):
                self.lines.append(f"audio open: {name}, {latency:.1f} ms")
            case ServiceChanged(name, state, faults):
                self.services[name] = report
                if state is ServiceState.WELL:
                    self.lines.append(f"{name} is well again (faults so far: {faults})")
            case Failed(address, code, text):
                self.lines.append(f"error {address or 'here'} {code}: {text}")
            case _:
                pass

    def _job(self, job: str, state: JobState) -> None:
        if state is JobState.RUNNING:
            self.job, self.progress = job, 0.0
        elif state is not JobState.QUEUED and job == self.job:
            self.job, self.sampled, self.heard = "", {}, {}
