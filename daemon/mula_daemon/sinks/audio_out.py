"""Plays takes through an audio interface while they are generated."""

from __future__ import annotations

import logging
import threading
import time
from types import TracebackType
from typing import Any, Final, Self

from mula_bridge.errors import MulaError, Unavailable
from mula_bridge.messages import AudioReport
from mula_daemon.audio.blocks import check_block
from mula_daemon.audio.converter import Converter
from mula_daemon.audio.devices import Output, acquire, choose, give_back, give_up, known_outputs
from mula_daemon.audio.levels import SILENCE_DBFS, to_dbfs
from mula_daemon.audio.player import Player
from mula_daemon.audio.ring import Ring
from mula_daemon.engine.base import Samples
from mula_daemon.sinks.base import Abandoned, Outcome, Take

_MARGIN_SECONDS: Final = 0.06
_FADE_SECONDS: Final = 0.005
_STALL_SECONDS: Final = 1.5
"""An interface that takes nothing for so long has stopped; no driver buffers as much."""
_POLL_SECONDS: Final = (0.002, 0.05)
"""Shortest and longest nap of a writer that waits for room: the callback must not wake it."""

_log = logging.getLogger(__name__)


class AudioOut:
    """An open audio interface, for as many takes as the daemon lives, one after another.

    Takes that follow each other closely are played without a gap. ``open``, ``write``
    and ``close`` are the reader thread's; everything else is for any thread. The audio
    callback shares nothing with them but a ring and single numbers, and takes no lock.

    An interface that goes away stops nobody: ``problem`` then says so, and takes are
    dropped unheard.
    """

    def __init__(
        self,
        device: str | None = None,
        *,
        lead: float = 0.35,
        gain_db: float = 0.0,
        latency: float | str = "high",
    ) -> None:
        """Open ``device`` (see ``choose``; None: the system's default) and start it.

        ``lead`` is how many seconds may be queued before ``write`` waits; ``latency``
        is PortAudio's. Raises Unavailable in plain words when there is no such device.
        """
        # Guards the ring's writing side and the stream; never held while waiting for room,
        # and never taken by the callback.
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._dropping = True
        self._take: Take | None = None
        self._received = 0
        self._calls = 0
        self.late = 0
        """Buffers the driver says came too late while something was heard, whoever was the
        cause: with JACK that may be another program. A larger buffer size helps."""
        self._stalled_at = -1
        self._converter: Converter
        self._stream: Any = None
        self._sounddevice = acquire(device or "")
        try:
            self._start(device or "", lead, gain_db, latency)
        except BaseException:
            give_back(self._sounddevice)
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.shutdown()

    # --- the sink -----------------------------------------------------------------------------

    def open(self, take: Take) -> None:
        """Begin a take, behind what is still playing. Raises Unavailable without soxr."""
        if self._take is not None:
            raise RuntimeError("a take is already open")
        self._converter = Converter(
            take.engine.sample_rate, take.engine.channels, self.output.rate, self._channels
        )
        self._take = take
        self._received = 0
        problem = self.problem
        with self._lock:
            self._wake.clear()
            self._dropping = bool(problem)

    def write(self, samples: Samples) -> None:
        """Queue the next samples; waits while ``lead`` is queued.

        Does not wait after ``release``, ``stop`` or ``panic``, nor for an interface
        that has stopped. Raises MulaError for samples that cannot be played, or for
        more of them than the take has.
        """
        take = self._opened()
        check_block(samples, take.engine.channels)
        self._received += len(samples)
        if self._received > take.samples:
            raise MulaError(f"the engine sent more than the take's {take.samples} samples")
        complete = self._received == take.samples
        if self._dropping:
            return
        self._queue(self._converter.convert(samples, last=complete))
        if complete:
            self._player.feeding = False

    def close(self, outcome: Outcome) -> None:
        """End the take: a finished one plays to its end, an abandoned one fades out now.

        With it goes what may still be queued of the take before.
        """
        if self._take is None:
            return
        self._take = None
        self._player.feeding = False
        if isinstance(outcome, Abandoned):
            self.stop()

    def release(self) -> None:
        """Drop what is still to be written to this take, and let the writer go."""
        with self._lock:
            self._dropping = True
            self._player.feeding = False
            self._wake.set()

    # --- the controls -------------------------------------------------------------------------

    def stop(self) -> None:
        """Fade out and drop what is queued, and the rest of an open take."""
        self._silence(fade=True)

    def panic(self) -> None:
        """Like ``stop``, but silent from the next buffer on."""
        self._silence(fade=False)

    @property
    def gain_db(self) -> float:
        """Gain in dB of what is played, -60 (off) and up; a change glides over some 20 ms."""
        return self._player.gain_db

    @gain_db.setter
    def gain_db(self, decibels: float) -> None:
        self._player.gain_db = decibels

    @property
    def problem(self) -> str:
        """Why nothing is heard any more, in plain words; empty while all is well."""
        with self._lock:  # lest the stream is asked while it is being closed
            closed, active = self._stream is None, self._stream is not None and self._stream.active
        if closed:
            return "the audio output was closed"
        if not active:
            return f"the audio output {self.output.name} has stopped; clips go on"
        if self._calls == self._stalled_at:
            return f"the audio output {self.output.name} takes no sound; clips go on"
        return ""

    @property
    def playing(self) -> bool:
        """Whether a take is being heard."""
        return self._player.playing

    def stats(self) -> AudioReport:
        """Peak since last asked (dBFS, -120 for silence) and underruns so far.

        An underrun is a gap inside a take because its audio came too late; see ``late``
        for gaps of another cause.
        """
        peak, self._player.peak = self._player.peak, 0.0
        level = to_dbfs(peak)
        return AudioReport(
            peak_dbfs=SILENCE_DBFS if level is None else max(level, SILENCE_DBFS),
            underruns=self._player.underruns,
        )

    def shutdown(self) -> None:
        """Stop the sound and give the interface back. May be called twice."""
        self.release()
        with self._lock:
            stream, self._stream = self._stream, None
            if stream is None:
                return
            if "jack" in self.output.host_api.lower() and not stream.active:
                give_up(self._sounddevice, stream)
                return
            stream.close()
            give_back(self._sounddevice)

    # --- inside -------------------------------------------------------------------------------

    def _start(self, device: str, lead: float, gain_db: float, latency: float | str) -> None:
        sounddevice = self._sounddevice
        self.output: Output = choose(known_outputs(sounddevice), device)
        rate = self.output.rate
        self._channels = min(2, self.output.channels)
        self._ring = Ring(max(1, round(lead * rate)), self._channels)
        self._player = Player(
            self._ring, rate, margin=_MARGIN_SECONDS, fade=_FADE_SECONDS, gain_db=gain_db
        )
        try:
            stream = sounddevice.OutputStream(
                device=self.output.index,
                samplerate=rate,
                channels=self._channels,
                dtype="float32",
                latency=latency,
                callback=self._callback,
            )
            stream.start()
        except sounddevice.PortAudioError as error:
            raise Unavailable(
                f"the audio output {self.output} does not open: {error}; close the program "
                "that holds it, or choose another one"
            ) from error
        self._stream = stream

    def _callback(self, out: Samples, frames: int, times: object, status: Any) -> None:
        if status.output_underflow and self._player.playing:
            self.late += 1
        self._player.render(out)
        self._calls += 1

    def _opened(self) -> Take:
        if self._take is None:
            raise RuntimeError("no take is open")
        return self._take

    def _queue(self, frames: Samples) -> None:
        """Hand ``frames`` to the ring as room appears."""
        moved, calls = time.monotonic(), self._calls
        while True:
            with self._lock:
                if self._dropping:
                    return
                count = self._ring.write(frames)
                if count:
                    self._player.feeding = True
            frames = frames[count:]
            if not len(frames):
                return
            if self._calls != calls:
                moved, calls = time.monotonic(), self._calls
            elif time.monotonic() - moved > _STALL_SECONDS:
                self._stalled_at = calls
            if problem := self.problem:
                _log.warning("%s", problem)
                self.release()
                return
            room = min(len(frames), self._ring.capacity // 4) / self.output.rate
            shortest, longest = _POLL_SECONDS
            self._wake.wait(min(longest, max(shortest, room)))

    def _silence(self, *, fade: bool) -> None:
        with self._lock:
            self._dropping = True
            self._player.feeding = False
            self._player.cut(fade=fade)
            self._wake.set()
