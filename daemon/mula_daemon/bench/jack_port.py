"""What is heard at the JACK port that the daemon plays to.

Run as a program it is a JACK client that writes down what it hears, and when. Arguments: PATH.
``PATH`` gets float32 stereo; ``PATH.times`` pairs of int64: the number of the first frame of a
buffer, and perf_counter_ns when it was handed over. Says "listening" once it does, and stops when
its standard input ends.
"""

from __future__ import annotations

import os
import struct
import subprocess
import sys
from collections import deque
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from time import perf_counter_ns, sleep
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from mula_bridge.errors import MulaError, Unavailable
from mula_bridge.net import hurry
from mula_daemon.audio import Samples, acquire
from mula_daemon.bench.child import child, input_ended
from mula_daemon.bench.jack_dummy import RATE
from mula_daemon.bench.waiting import wait_for

_WINDOW: Final = 64
_PATIENCE_S: Final = 15.0


@dataclass(frozen=True, slots=True)
class PortCapture:
    """What was heard: float32 [n, 2], and perf_counter_ns of every frame at the port."""

    sound: Samples
    times: NDArray[np.int64]
    """[buffers, 2]: first frame, and when it was handed over."""

    def ns_at(self, frame: int) -> int:
        """When ``frame`` was at the port: from the earliest of the buffers near it, because a
        callback may be late and never early."""
        place = int(np.searchsorted(self.times[:, 0], frame, "right")) - 1
        near = self.times[max(0, place - _WINDOW) : place + _WINDOW]
        offset = int((near[:, 1] - near[:, 0] * 1_000_000_000 // RATE).min())
        return offset + frame * 1_000_000_000 // RATE

    def frame_at(self, ns: int) -> int:
        """The frame that was at the port at ``ns``."""
        place = int(np.searchsorted(self.times[:, 1], ns)) - 1
        first = int(self.times[max(0, place), 0])
        return first + (ns - self.ns_at(first)) * RATE // 1_000_000_000


class Ear:
    """Listens at the daemon's port in a process of its own, until ``stop``."""

    def __init__(self, folder: Path) -> None:
        """Raises Unavailable when there is nothing to hear, or no JACK client to be had."""
        self._path = folder / "heard.f32"
        self._process = child("jack_port", str(self._path))
        try:
            self._connect()
        except BaseException:
            self.close()
            raise

    def _connect(self) -> None:
        assert self._process.stdout is not None
        if self._process.stdout.readline() != "listening\n":
            raise Unavailable("no JACK client could be made to listen with")
        for side in ("0", "1"):
            player, ear = _port(f":out_{side}"), _port(f":in_{side}")
            # A busy server may refuse this, too.
            wait_for(
                partial(_connected, player, ear),
                f"JACK would not connect {player} to {ear}",
                seconds=_PATIENCE_S,
            )

    def stop(self) -> PortCapture:
        """What it heard."""
        self._process.communicate()
        times = np.fromfile(self._path.with_name(self._path.name + ".times"), np.int64)
        sound = np.memmap(self._path, np.float32, "r")
        return PortCapture(sound.reshape(-1, 2), times.reshape(-1, 2))

    def close(self) -> None:
        """End it, if it still listens; what it heard is then of no use to anybody."""
        with self._process:
            self._process.kill()


class PortTape:
    """JACK's own recorder at the daemon's port, for ``seconds``: plain C, and yet it may be late
    for a period on a busy machine, so use two and see whether they agree."""

    def __init__(self, folder: Path, seconds: int, number: int = 0) -> None:
        self._path = folder / f"tape{number}.wav"
        ports = [_port(f":out_{side}") for side in "01"]
        before = _recorders()
        options = ("-d", str(seconds), "-b", "32", "-B", "262144")
        self._process = subprocess.Popen(
            ["jack_rec", "-f", str(self._path), *options, *ports],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        try:
            wait_for(lambda: _recorders() > before, "jack_rec did not start", seconds=_PATIENCE_S)
        except BaseException:
            self.close()
            raise

    def stop(self) -> Samples:
        """All of it, float32 [n, 2], once its seconds are over. Raises MulaError when it had to
        leave something out."""
        import soundfile

        try:
            _, said = self._process.communicate(timeout=60)
        except subprocess.TimeoutExpired:  # the server holds it; what it heard is on the disk
            self._process.kill()
            _, said = self._process.communicate()
        if b"overrun" in said:
            raise MulaError("jack_rec could not keep up: try a longer --period")
        with soundfile.SoundFile(self._path) as file:
            sound = np.lib.format.open_memmap(
                self._path.with_suffix(".npy"), "w+", np.float32, (file.frames, 2)
            )
            for start in range(0, file.frames, 1 << 20):
                part = file.read(1 << 20, dtype="float32", always_2d=True)
                sound[start : start + len(part)] = part
        return sound

    def close(self) -> None:
        """End it, if it still records."""
        with self._process:
            self._process.kill()


def _connected(player: str, ear: str) -> bool:
    done = subprocess.run(["jack_connect", player, ear], capture_output=True, check=False)
    return done.returncode == 0


def _ports() -> list[str]:
    done = subprocess.run(["jack_lsp"], capture_output=True, text=True, check=False)
    return done.stdout.split("\n")[:-1] if done.returncode == 0 else []


def _port(ending: str) -> str:
    """The port of that ending, once there is one. Raises Unavailable."""
    # A busy server may refuse to answer now and then.
    return wait_for(
        lambda: [port for port in _ports() if port.endswith(ending)],
        f"no JACK port ends in {ending}: nothing plays, or nothing listens",
        seconds=_PATIENCE_S,
    )[0]


def _recorders() -> int:
    return sum("jackrec" in port for port in _ports())


def main() -> None:
    """Listen until standard input ends."""
    path = Path(sys.argv[1])
    sounddevice = acquire("jack")
    heard: deque[tuple[int, int, bytes]] = deque()
    count = 0

    def callback(samples: Any, frames: int, _times: object, _status: object) -> None:
        nonlocal count
        heard.append((count, perf_counter_ns(), samples.tobytes()))
        count += frames

    ended = input_ended()
    apis = [api["name"] for api in sounddevice.query_hostapis()]
    device = next(
        device["index"]
        for device in sounddevice.query_devices()
        if "jack" in apis[device["hostapi"]].lower() and device["max_input_channels"] >= 2
    )
    hurry()
    stream = sounddevice.InputStream(device=device, channels=2, dtype="float32", callback=callback)
    stream.start()
    print("listening", flush=True)
    with path.open("wb") as sound, path.with_name(path.name + ".times").open("wb") as times:
        while True:
            while heard:
                first, now_ns, data = heard.popleft()
                sound.write(data)
                times.write(struct.pack("<qq", first, now_ns))
            if ended.is_set():
                break
            sleep(0.05)
    os._exit(0)  # PortAudio's own end may hang


if __name__ == "__main__":
    main()
