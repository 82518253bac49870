"""What a DAW that imports every WAV at the moment it appears gets to see: whole clips only."""

from __future__ import annotations

import hashlib
import os
import threading
from pathlib import Path

import pytest
import soundfile

from mula_bridge.api.client import OscClient
from mula_daemon.clips.files import ClipFiles
from support.daemon_process import daemon_process
from support.ports import free_udp_port

TAKES, JOBS = 16, 6


class EagerDaw(threading.Thread):
    """Reads each WAV as soon as its name is there, and keeps what it read."""

    def __init__(self, folder: Path) -> None:
        super().__init__(daemon=True)
        self.folder = folder
        self.read: dict[str, str] = {}
        self.wrong: list[str] = []
        self.done = threading.Event()

    def run(self) -> None:
        while not self.done.is_set():
            for entry in os.scandir(self.folder):
                if entry.name.endswith(".wav") and entry.name not in self.read:
                    self._import(Path(entry.path))

    def _import(self, path: Path) -> None:
        content = path.read_bytes()
        self.read[path.name] = hashlib.sha256(content).hexdigest()
        try:
            sound, rate = soundfile.read(path)
        except soundfile.SoundFileError as error:
            self.wrong.append(f"{path.name}: {error}")
            return
        if len(sound) != rate:  # one bar at 240 BPM
            self.wrong.append(f"{path.name}: {len(sound)} samples")
        if not ClipFiles(path.parent, path.stem).sidecar.exists():
            self.wrong.append(f"{path.name}: no sidecar")


@pytest.mark.slow
def test_a_watcher_never_reads_an_incomplete_clip(tmp_path: Path) -> None:
    folder = tmp_path / "clips"
    folder.mkdir()
    port = free_udp_port()
    options = ("--osc", f"127.0.0.1:{port}", "--engine", "tone", "--audio", "off", "--midi", "off")
    daw = EagerDaw(folder)
    with daemon_process(folder, *options) as daemon, OscClient("127.0.0.1", port) as client:
        daemon.wait_for("^ready ")
        daw.start()
        for knob, value in (("bars", 1), ("bpm", 240.0), ("takes", TAKES)):
            client.send(f"/mula/knob/{knob}", value)
        for number in range(JOBS):
            client.send("/mula/generate", f"round{number}")
        daemon.wait_for(f"job round{JOBS - 1} done", timeout=100)
        daemon.stop()
    daw.done.set()
    daw.join()
    assert not daw.wrong
    assert len(daw.read) == TAKES * JOBS
    for name, digest in daw.read.items():  # and nothing was added to it afterwards
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == digest
