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
from typing import Any, Final

import numpy as np
from msgspec import Struct

from mula_bridge.errors import BadInput, MulaError, Unavailable
from mula_bridge.net import call_process, hurry
from mula_bridge.speech import mute_drivers, unfailing
from mula_daemon.audio.devices import (
    Output,
    acquire,
    choose,
    give_back,
    known_outputs,
    refusal,
)
from mula_daemon.audio.samples import Samples
from mula_daemon.audio.shared_ring import SharedRing
from mula_daemon.settings import OutputSettings

WATCH_SECONDS: Final = 0.1
SEARCH_SECONDS: Final = 0.5
"""Between two looks for an interface that is not there."""
STALL_SECONDS: Final = 1.5
"""An interface that takes nothing for so long has stopped; no driver buffers as much."""
SELF_DESTRUCT_S: Final = 60
"""A process that hangs while its daemon is gone ends after so long, where there are alarms; a
living daemon's patience is shorter."""
_LONGEST_BUFFER: Final = 8192
_LONGEST_LATENCY_S: Final = 2.0
"""What a driver says beyond this is no latency."""


class InterfaceState(Struct, frozen=True):
    """What there is to play on, in the words of this process; ``output`` None: nothing, and
    ``problem`` says why. ``latency`` in seconds, as its driver says."""

    output: Output | None = None
    latency: float = 0.0
    problem: str = ""


class InterfaceStep(Struct, frozen=True):
    """What this process begins now, and may never return from if a driver hangs: it opens
    ``output``, or (None) starts PortAudio, which asks every driver for its outputs."""

    output: Output | None = None


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
        try:
            _serve(connection, SharedRing(ring_name), settings)
        except Exception as error:  # the daemon begins another one, and should know why
            problem = f"the audio process ended: {error!r}; it is begun anew"
            connection.send(InterfaceState(problem=problem))
    os._exit(0)


def _serve(connection: Connection, ring: SharedRing, settings: OutputSettings) -> None:
    said = ""
    while True:
        try:
            output, stream, module = _open(connection, ring, settings)
            break
        except MulaError as error:
            if str(error) != said:
                said = str(error)
                connection.send(InterfaceState(problem=said))
        if connection.poll(SEARCH_SECONDS):
            return  # the daemon has closed its end
    connection.send(InterfaceState(output, _sane(stream.latency)))
    gc.collect()
    gc.freeze()
    name = f"the audio output {output.name}"
    calls, still = -1, 0
    while not connection.poll(WATCH_SECONDS):
        _outlive_nobody()
        if not stream.active:
            connection.send(InterfaceState(problem=f"{name} has stopped"))
            return
        # In looks, not by a clock: a machine that slept has not stalled.
        calls, still = ring.calls, 0 if ring.calls != calls else still + 1
        if still * WATCH_SECONDS > STALL_SECONDS:
            connection.send(InterfaceState(problem=f"{name} takes no sound"))
            return
    if stream.active:
        stream.close()
        give_back(module)


def _open(
    connection: Connection, ring: SharedRing, settings: OutputSettings
) -> tuple[Output, Any, Any]:
    """Raises MulaError, whatever a driver does."""
    _outlive_nobody()
    connection.send(InterfaceStep())
    sounddevice = acquire(settings.device)
    named = f"the audio output {settings.device or 'of the system'}"
    try:
        output = choose(known_outputs(sounddevice), settings.device)
        channels = _channels(output, settings.pair)
        named = f"the audio output {output.name}"
        connection.send(InterfaceStep(output))
        callback = _Callback(ring, channels, settings.pair)
        stream = sounddevice.OutputStream(
            device=output.index,
            samplerate=output.rate,
            channels=channels,
            dtype="float32",
            latency=settings.latency,
            callback=callback,
        )
        callback.latency_ns = round(_sane(stream.latency) * 1e9)
        stream.start()
    except MulaError:
        give_back(sounddevice)
        raise
    except Exception as error:  # a driver's, and sounddevice's of what a driver said
        give_back(sounddevice)
        raise Unavailable(f"{named} does not open: {refusal(error)}") from error
    return output, stream, sounddevice


def _outlive_nobody() -> None:
    """Let the system end this process if it does not come by here again soon."""
    if hasattr(signal, "alarm"):
        signal.alarm(SELF_DESTRUCT_S)


def _sane(seconds: float) -> float:
    """A latency, 0 where the driver does not know it, which it may say in strange ways."""
    return seconds if 0.0 < seconds < _LONGEST_LATENCY_S else 0.0


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
        ahead_ns = round(_sane(times.outputBufferDacTime - times.currentTime) * 1e9)
        latency_ns = ahead_ns or self.latency_ns
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
