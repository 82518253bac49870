"""The audio process: it holds the interface, and does nothing but copy.

It is a process of its own for two reasons. PortAudio cannot be started again in a process
whose JACK server has died, nor survive every driver's way of losing a device; a fresh
process can, and reads the list of devices anew. And nothing here competes with the callback
for the interpreter.
"""

from __future__ import annotations

import contextlib
import gc
import os
import signal
from multiprocessing.connection import Connection
from time import monotonic
from typing import Any, Final

import numpy as np
from msgspec import Struct

from mula_bridge.errors import BadInput, MulaError, Unavailable
from mula_bridge.net import call_process, hurry
from mula_bridge.speech import mute_drivers, unfailing
from mula_daemon.audio.devices import Output, acquire, choose, give_back, known_outputs
from mula_daemon.audio.samples import Samples
from mula_daemon.audio.shared_ring import SharedRing
from mula_daemon.settings import OutputSettings

WATCH_SECONDS: Final = 0.1
SEARCH_SECONDS: Final = 0.5
"""Between two looks for an interface that is not there."""
STALL_SECONDS: Final = 1.5
"""An interface that takes nothing for so long has stopped; no driver buffers as much."""
_LONGEST_BUFFER: Final = 8192


class InterfaceState(Struct, frozen=True):
    """What there is to play on, in the words of this process; ``output`` None: nothing, and
    ``problem`` says why. ``latency`` in seconds, as its driver says."""

    output: Output | None = None
    latency: float = 0.0
    problem: str = ""


@unfailing()
def main(connection: Connection, ring_name: str, settings: OutputSettings) -> None:
    """Open the interface, as soon as there is one, and stay until it goes or the daemon does.

    Always leaves by ``os._exit``: PortAudio may hang when asked to close a dead device.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the daemon decides when we stop
    mute_drivers()
    call_process("mula-audio")
    hurry(first=True)
    with contextlib.suppress(EOFError, OSError):
        _serve(connection, SharedRing(ring_name), settings)
    os._exit(0)


def _serve(connection: Connection, ring: SharedRing, settings: OutputSettings) -> None:
    said = ""
    while True:
        try:
            output, stream, module = _open(ring, settings)
            break
        except MulaError as error:
            if str(error) != said:
                said = str(error)
                connection.send(InterfaceState(problem=said))
        if connection.poll(SEARCH_SECONDS):
            return  # the daemon has closed its end
    connection.send(InterfaceState(output, stream.latency))
    gc.collect()
    gc.freeze()
    name = f"the audio output {output.name}"
    calls, moved = -1, monotonic()
    while not connection.poll(WATCH_SECONDS):
        if not stream.active:
            connection.send(InterfaceState(problem=f"{name} has stopped"))
            return
        if ring.calls != calls:
            calls, moved = ring.calls, monotonic()
        elif monotonic() - moved > STALL_SECONDS:
            connection.send(InterfaceState(problem=f"{name} takes no sound"))
            return
    if stream.active:
        stream.close()
        give_back(module)


def _open(ring: SharedRing, settings: OutputSettings) -> tuple[Output, Any, Any]:
    sounddevice = acquire(settings.device)
    try:
        output = choose(known_outputs(sounddevice), settings.device)
        channels = _channels(output, settings.pair)
        callback = _Callback(ring, channels, settings.pair)
        stream = sounddevice.OutputStream(
            device=output.index,
            samplerate=output.rate,
            channels=channels,
            dtype="float32",
            latency=settings.latency,
            callback=callback,
        )
        callback.latency_ns = round(stream.latency * 1e9)
        stream.start()
    except sounddevice.PortAudioError as error:
        give_back(sounddevice)
        raise Unavailable(
            f"the audio output {settings.device or 'of the system'} does not open: {error}; close "
            "the program that holds it, or choose another one"
        ) from error
    except MulaError:
        give_back(sounddevice)
        raise
    return output, stream, sounddevice


def _channels(output: Output, pair: tuple[int, int]) -> int:
    """How many channels to open. Raises BadInput when the interface has not so many."""
    if output.channels == 1 and pair == (1, 2):
        return 1
    if max(pair) > output.channels:
        raise BadInput(
            f"{output} has no channel {max(pair)}: choose a pair from 1 to {output.channels}"
        )
    return max(pair)


class _Callback:
    """Fills the interface's buffers from the ring. Its own thread, PortAudio's."""

    def __init__(self, ring: SharedRing, channels: int, pair: tuple[int, int]) -> None:
        self.latency_ns = 0
        self._ring = ring
        self._channels = channels
        self._left, self._right = pair[0] - 1, pair[1] - 1
        self._stereo: Samples = np.zeros((_LONGEST_BUFFER, 2), np.float32)

    def __call__(self, out: Samples, frames: int, times: Any, status: object) -> None:
        # The driver's own word for this buffer, where it gives one.
        ahead = round((times.outputBufferDacTime - times.currentTime) * 1e9)
        latency_ns = ahead if 0 < ahead < 2_000_000_000 else self.latency_ns
        if self._channels == 2 and self._left == 0 and self._right == 1:
            self._ring.read_into(out, latency_ns)
            return
        for start in range(0, frames, _LONGEST_BUFFER):
            part = out[start : start + _LONGEST_BUFFER]
            stereo = self._stereo[: len(part)]
            self._ring.read_into(stereo, latency_ns)
            if self._channels == 1:
                np.mean(stereo, axis=1, keepdims=True, out=part)
                continue
            part.fill(0.0)
            part[:, self._left] = stereo[:, 0]
            part[:, self._right] = stereo[:, 1]
