"""A JACK client that writes down what it hears, and when: a process of its own.

Arguments: PATH. ``PATH`` gets float32 stereo; ``PATH.times`` pairs of int64: the number of the
first frame of a buffer, and perf_counter_ns when it was handed over. Says "listening" once it
does, and stops when its standard input ends.
"""

from __future__ import annotations

import os
import struct
import sys
import threading
from collections import deque
from pathlib import Path
from time import perf_counter_ns, sleep
from typing import Any

from mula_bridge.net import hurry
from mula_daemon.audio import acquire


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

    ended = threading.Event()

    def watch() -> None:
        sys.stdin.read()
        ended.set()

    threading.Thread(target=watch, daemon=True).start()
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
