"""What the last reports add up to: the state that the panel and the log lines show.

Fed on the session's thread, and on any that logs; the main thread reads.
"""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass, field, replace
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
    """The newest of everything. A Listener; ``lines`` are ready to print, oldest first.

    What is to be iterated over is taken from a ``snapshot``.
    """

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
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def report(self, report: Report, *, to: Origin | None, but: Origin | None) -> None:
        """Take what is news for everyone; and errors, whoever they are for."""
        if to is not None and not isinstance(report, Failed):
            return
        with self._lock:
            self._note(report)
        self.changed.set()

    def say(self, line: str) -> None:
        """Add a line. Any thread."""
        with self._lock:
            self._say(line)
        self.changed.set()

    def take_lines(self) -> list[str]:
        """The lines since the last time. Any thread."""
        with self._lock:
            taken = list(self.lines)
            self.lines.clear()
            return taken

    def snapshot(self) -> Board:
        """A copy that nobody changes. Any thread."""
        with self._lock:
            return replace(
                self,
                knobs=dict(self.knobs),
                tags=dict(self.tags),
                sampled=dict(self.sampled),
                heard=dict(self.heard),
                clips=self.clips.copy(),
                lines=self.lines.copy(),
                services=dict(self.services),
            )

    def _say(self, line: str) -> None:
        self.lines.append(legible(line))

    def _note(self, report: Report) -> None:
        match report:
            case KnobChanged(name):
                self.knobs[name] = report
            case TagsChanged(tags, prompt):
                self.tags[prompt] = tags
                self._say(f"tags {prompt.value}: {', '.join(tags) or '(none)'}")
            case LyricsChanged(text):
                self._say(f"lyrics: {len(text)} characters")
            case EngineChanged(state, detail):
                self.engine = report
                self._say(f"engine {state.value}: {detail}")
            case JobChanged(job, state, reason):
                self._job(job, state)
                self._say(f"job {job} {state.value}" + (f": {reason}" if reason else ""))
            case FrameReport(knobs=knobs):
                self.sampled = dict(knobs)
            case Heard(name):
                self.heard[name] = report
            case LiveChanged(on, reason):
                self.live = on
                self._say(f"live {'on' if on else 'off'}" + (f": {reason}" if reason else ""))
            case Progress(fraction=fraction):
                self.progress = fraction
            case ClipReady(path=path, seconds=seconds, seed=seed):
                self.clips.append(report)
                self._say(f"clip {Path(path).name} ({seconds:.2f} s, seed {seed})")
            case AudioReport():
                if self.audio is not None and report.underruns > self.audio.underruns:
                    self._say(f"audio: {report.underruns} underruns so far")
                self.audio = report
            case Notice(job, _, text):
                self._say(f"job {job}: {text}" if job else text)
            case AudioDevice(state=DeviceState.OPEN, name=name, latency_ms=latency):
                self._say(f"audio open: {name}, {latency:.1f} ms")
            case ServiceChanged(name, state, faults):
                self.services[name] = report
                if state is ServiceState.WELL:
                    self._say(f"{name} is well again (faults so far: {faults})")
            case Failed(address, code, text):
                self._say(f"error {address or 'here'} {code}: {text}")
            case _:
                pass

    def _job(self, job: str, state: JobState) -> None:
        if state is JobState.RUNNING:
            self.job, self.progress = job, 0.0
        elif state is not JobState.QUEUED and job == self.job:
            self.job, self.sampled, self.heard = "", {}, {}


def legible(text: str) -> str:
    """The text without what moves a terminal's cursor: names and reasons come from anywhere."""
    if text.isprintable():
        return text
    return "".join(
        sign if sign.isprintable() or sign in "\n\t" else ascii(sign)[1:-1] for sign in text
    )
