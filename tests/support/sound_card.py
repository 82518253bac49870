"""The daemon's sound on a JACK server of the test's own, and what another client hears of it."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import soundfile

from mula_daemon.audio.interface import Interface
from mula_daemon.audio.samples import Samples
from mula_daemon.audio.speaker import Speaker
from mula_daemon.settings.output_settings import OutputSettings
from support.jack_server import JackServer

PLAYED = ("PortAudio:out_0", "PortAudio:out_1")


@contextmanager
def sounding(**settings: object) -> Iterator[tuple[Interface, Speaker]]:
    """A speaker on the JACK server that runs, as soon as its interface is open."""
    interface = Interface(OutputSettings("jack", **settings))  # type: ignore[arg-type]
    speaker = Speaker(interface.outlet)
    speaker.feeder.start()
    interface.start()
    try:
        assert interface.wait(30).output is not None, interface.state.problem
        yield interface, speaker
    finally:
        interface.stop()
        speaker.feeder.stop()


@contextmanager
def captured(
    server: JackServer, path: Path, seconds: int = 1, ports: tuple[str, ...] = PLAYED
) -> Iterator[list[Samples]]:
    """What another JACK client hears of us: the list's one item, after the body."""
    heard: list[Samples] = []
    command = ["jack_rec", "-f", str(path), "-d", str(seconds), "-b", "32", *ports]
    with _begun(server, command) as recorder:
        yield heard
        assert recorder.wait(10 + seconds) == 0
    heard.append(soundfile.read(path, dtype="float32", always_2d=True)[0])


def _begun(server: JackServer, command: list[str]) -> subprocess.Popen[bytes]:
    """The recorder, once it is there. A busy server may not answer it in time: three tries."""
    for _ in range(3):
        recorder = subprocess.Popen(command, env=server.env, stdout=subprocess.DEVNULL)
        try:
            server.find("jackrec")
            return recorder
        except LookupError:
            recorder.kill()
            recorder.wait()
    raise LookupError(f"{command[0]} could not get into JACK")


def trimmed(heard: Samples) -> Samples:
    """What was heard without the silence before and after it."""
    [sounding] = np.nonzero(heard.any(axis=1))
    return heard[sounding[0] : sounding[-1] + 1] if len(sounding) else heard[:0]
