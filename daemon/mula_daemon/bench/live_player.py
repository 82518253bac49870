"""A daemon that plays live at a JACK port, with all that is heard and made noted down."""

from __future__ import annotations

import argparse
import tempfile
import threading
from array import array
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import numpy as np

from mula_bridge.control.messages import (
    EngineChanged,
    EngineState,
    FrameReport,
    Heard,
    JobChanged,
    JobState,
    Live,
    LiveChanged,
    Origin,
    Report,
    SetTags,
)
from mula_daemon.app import App, running
from mula_daemon.audio import Samples
from mula_daemon.bench.jack_dummy import JackDummy, jack_dummy
from mula_daemon.bench.jack_port import Ear
from mula_daemon.live import PlayedFrame
from mula_daemon.settings import load_config

_WARM_S: Final = 180.0


def add_settings(parser: argparse.ArgumentParser) -> None:
    """The options that decide how soon live play is heard."""
    parser.add_argument("--period", type=int, default=512, help="the JACK server's, in frames")
    parser.add_argument("--buffer", default="30", help="--audio-buffer, ms")
    parser.add_argument("--lead", default="125", help="--live-lead, ms")


def by_bench() -> Origin:
    """The origin of a command of now."""
    return Origin("bench")


class Notes:
    """A Listener that keeps what a benchmark of live play needs."""

    def __init__(self, *, keep_frames: bool) -> None:
        self._keep_frames = keep_frames
        self.heard_ms = array("d")
        self.frames: list[FrameReport] = []
        self.ended: list[str] = []
        self.jobs = threading.Condition()
        self.states: dict[str, JobState] = {}
        self.ready = threading.Event()

    def report(self, report: Report, *, to: Origin | None, but: Origin | None) -> None:
        """Session thread."""
        match report:
            case Heard():
                self.heard_ms.append(report.milliseconds)
            case FrameReport() if self._keep_frames:
                self.frames.append(report)
            case LiveChanged(False, reason):
                self.ended.append(reason)
            case JobChanged(job, state):
                with self.jobs:
                    self.states[job] = state
                    self.jobs.notify_all()
            case EngineChanged(EngineState.READY):
                self.ready.set()

    def wait(self, job: str, state: JobState, timeout: float) -> bool:
        """Whether ``job`` got into ``state`` in time."""
        with self.jobs:
            return self.jobs.wait_for(lambda: self.states.get(job) is state, timeout)


class LivePlayer:
    """The daemon, and the frames made so far."""

    def __init__(self, app: App, notes: Notes, folder: Path, server: JackDummy) -> None:
        self.app = app
        self.notes = notes
        self.folder = folder
        self.server = server
        self.made: list[tuple[int, int, int]] = []
        """Of each frame: its first sample, when it was begun, and when the daemon had it."""
        self.tempi: list[float] = []
        """Of each frame, in quarters a minute."""
        self._path = folder / "played.f32"
        self._file = self._path.open("wb")
        self._next = 0

    def listen(self) -> Ear:
        """An ear at the daemon's port, from now on."""
        ear = Ear(self.folder)
        ear.connect()
        return ear

    def begin(self, tags: tuple[str, ...] = ("techno",)) -> None:
        """Play live."""
        self.app.emit(SetTags(tags), by_bench())
        self.app.emit(Live(True), by_bench())
        self.notes.wait("live1", JobState.RUNNING, 10)

    def collect(self) -> None:
        """Write down what was made since the last call; at least once in half a minute."""
        recording = self.app.live.recording
        frames: list[PlayedFrame] = [] if recording is None else recording.played.since(self._next)
        for played in frames:
            self._file.write(np.ascontiguousarray(played.samples).tobytes())
            self.made.append((played.first, played.frame.started_ns, played.made_ns))
            self.tempi.append(played.frame.knobs.bpm)
            self._next = played.frame.index + 1

    def played(self) -> Samples:
        """All that was made, float32 [n, 2]."""
        self._file.flush()
        return np.memmap(self._path, np.float32, "r").reshape(-1, 2)


@contextmanager
def live_player(
    engine: str,
    period: int,
    settings: Mapping[str, str],
    *,
    keep_frames: bool = False,
    waits: bool = False,
) -> Iterator[LivePlayer]:
    """A warm daemon with these ``settings`` on a dummy JACK server; see ``jack_dummy``."""
    notes = Notes(keep_frames=keep_frames)
    with jack_dummy(period, waits=waits) as server, tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        options = {"engine": engine, "folder": str(folder / "clips"), "audio": "jack"}
        with running(load_config({**options, **settings}).alone(), [notes]) as app:
            if not notes.ready.wait(_WARM_S):
                raise TimeoutError("the engine did not become ready")
            player = LivePlayer(app, notes, folder, server)
            yield player
            player._file.close()
