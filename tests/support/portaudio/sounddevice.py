"""Stands in for sounddevice in a child process: a machine whose drivers do what a test wrote down.

The file that FAKE_PORTAUDIO names is JSON, read anew at every step: {"list": ..., "open": ...,
"start": ..., "play": ..., "close": ...}, each "hang", "freeze" (the whole process), "die" or the
text of an error; "outputs" is a list of names, "rate" theirs.
"""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

default = SimpleNamespace(device={"output": 0})


class PortAudioError(Exception):
    pass


def _script() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(Path(os.environ["FAKE_PORTAUDIO"]).read_text())
    return found


def _step(name: str) -> None:
    match _script().get(name):
        case None:
            return
        case "hang":
            while True:
                time.sleep(60)
        case "freeze":
            os.kill(os.getpid(), signal.SIGSTOP)
        case "die":
            os._exit(1)
        case text:
            raise PortAudioError(text)


def _initialize() -> None:
    pass


def _terminate() -> None:
    _step("close")


def query_hostapis() -> list[dict[str, Any]]:
    _step("list")
    indices = list(range(len(_script().get("outputs", ["Box"]))))
    return [{"name": "Fake", "devices": indices, "default_output_device": 0}]


def query_devices(index: int) -> dict[str, Any]:
    name = _script().get("outputs", ["Box"])[index]
    name.encode()  # raises UnicodeEncodeError as sounddevice does for a name in no encoding
    rate = _script().get("rate", 48_000.0)
    return {
        "index": index,
        "name": name,
        "hostapi": 0,
        "max_output_channels": 2,
        "default_samplerate": rate,
    }


class OutputStream:
    latency = 0.01

    def __init__(self, *, callback: Callable[..., None], channels: int, **settings: object) -> None:
        _step("open")
        self.active = True
        self._callback, self._channels = callback, channels

    def start(self) -> None:
        _step("start")
        threading.Thread(target=self._play, daemon=True).start()

    def _play(self) -> None:
        out = np.zeros((480, self._channels), np.float32)
        times = SimpleNamespace(outputBufferDacTime=float("nan"), currentTime=0.0)
        while self.active:
            _step("play")
            self._callback(out, len(out), times, None)
            time.sleep(0.01)

    def close(self) -> None:
        _step("close")
