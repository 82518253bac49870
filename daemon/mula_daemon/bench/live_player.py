"""A daemon that plays live at a JACK port, with all that is heard and made noted down."""

from __future__ import annotations

import argparse
import tempfile
from array import array
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

import numpy as np

from mula_bridge.control import Listener
from mula_bridge.control.messages import (
    Command,
    Heard,
    JobState,
    Live,
    LiveChanged,
    Origin,
    Report,
    SetTags,
)
from mula_bridge.errors import Unavailable
from mula_daemon.app import App, running
from mula_daemon.audio import Samples
from mula_daemon.bench.jack_dummy import JackDummy, jack_dummy
from mula_daemon.bench.jack_port import Ear, PortTape
from mula_daemon.jobs import JobWatch
from mula_daemon.live import LiveRecording, PlayedFrame
from mula_daemon.settings import load_config

_WARM_S: Final = 180.0
_BEGUN_S: Final = 10.0


def add_settings(parser: argparse.ArgumentParser) -> None:
    """The options that decide how soon live play is heard."""
    parser.add_argument("--period", type=int, default=512, help="the JACK server's, in frames")
    parser.add_argument("--buffer", default="30", help="--audio-buffer, ms")
    parser.add_argument("--lead", default="125", help="--live-lead, ms")


class Notes(JobWatch):
    """A JobWatch that keeps what a benchmark of live play needs."""

    def __init__(self) -> None:
        super().__init__()
        self.heard_ms = array("d")
        self.ended: list[str] = []

    def report(self, report: Report, *, to: Origin | None, but: Origin | None) -> None:
        """Take one report; session thread."""
        super().report(report, to=to, but=but)
        if isinstance(report, Heard):
            self.heard_ms.append(report.milliseconds)
        elif isinstance(report, LiveChanged) and not report.on:
            self.ended.append(report.reason)


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
        self._open = ExitStack()
        self._file = self._open.enter_context(self._path.open("wb"))
        self._next = 0

    def emit(self, command: Command) -> None:
        """Have the daemon obey, as if it came in now."""
        self.app.emit(command, Origin("bench"))

    def listen(self) -> Ear:
        """An ear at the daemon's port, from now on."""
        ear = Ear(self.folder)
        self._open.callback(ear.close)
        return ear

    def tape(self, seconds: int, number: int = 0) -> PortTape:
        """A recorder at the daemon's port, from now on."""
        tape = PortTape(self.folder, seconds, number)
        self._open.callback(tape.close)
        return tape

    def begin(self) -> None:
        """Play live. Raises Unavailable when it does not begin."""
        self.emit(SetTags(("techno",)))
        self.emit(Live(True))
        if not self.notes.wait(lambda: self.notes.count(JobState.RUNNING), _BEGUN_S):
            raise Unavailable(f"live play did not begin within {_BEGUN_S:g} s")

    def playing(self) -> LiveRecording:
        """What is being played. Raises Unavailable when that has ended by itself."""
        recording = self.app.live.recording
        if recording is None:
            said = ", ".join(self.notes.ended) or "nobody said why"
            raise Unavailable(f"live play ended by itself: {said}")
        return recording

    def close(self) -> None:
        """End whatever listens, and let go of what was written."""
        self._open.close()

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
    *listeners: Listener,
    waits: bool = False,
) -> Iterator[LivePlayer]:
    """A warm daemon with these ``settings`` on a dummy JACK server; see ``jack_dummy``."""
    notes = Notes()
    with jack_dummy(period, waits=waits) as server, tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        options = {"engine": engine, "folder": str(folder / "clips"), "audio": "jack"}
        with running(load_config({**options, **settings}).alone(), [notes, *listeners]) as app:
            notes.until_ready(_WARM_S)
            player = LivePlayer(app, notes, folder, server)
            try:
                yield player
            finally:
                player.close()
