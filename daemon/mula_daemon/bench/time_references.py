"""Who the daemons' bars are held against: a foreign Link peer, and JACK's transport."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter_ns, sleep
from typing import Any, Protocol

from mula_bridge.control import BEATS_PER_BAR
from mula_bridge.errors import Unavailable
from mula_daemon.bench.jack_dummy import RATE, JackDummy


class Reference(Protocol):
    """Somebody else's idea of where the bars are."""

    def bar_ns(self) -> int:
        """The ``perf_counter_ns`` of the bar line that is nearest to now."""


class ForeignLink:
    """A Link peer that is none of ours: LinkPython, a wrapper of its own around Link."""

    def __init__(self, bpm: float) -> None:
        """Raises Unavailable without LinkPython."""
        try:
            import link
        except ImportError as error:
            raise Unavailable(
                f"the foreign Link peer is missing ({error}): pip install LinkPython-extern"
            ) from error
        self._link: Any = link.Link(bpm)
        self._link.startStopSyncEnabled = True
        self._link.enabled = True

    @property
    def peers(self) -> int:
        """How many others are in the session."""
        return int(self._link.numPeers())

    def set_bpm(self, bpm: float) -> None:
        """Change everybody's tempo."""
        state = self._link.captureSessionState()
        state.setTempo(bpm, self._link.clock().micros())
        self._link.commitSessionState(state)

    def bar_ns(self) -> int:
        """The nearest bar line, read again while something came between reading both clocks."""
        state = self._link.captureSessionState()
        for _ in range(20):
            before = perf_counter_ns()
            micros = self._link.clock().micros()
            took = perf_counter_ns() - before
            if took < 50_000:
                break
        phase = float(state.phaseAtTime(micros, BEATS_PER_BAR))
        if phase > BEATS_PER_BAR / 2:
            phase -= BEATS_PER_BAR
        return before + took // 2 - round(phase * 60e9 / float(state.tempo()))

    def close(self) -> None:
        """Leave the session."""
        self._link.enabled = False


class JackTransport:
    """JACK's transport, which jack_midi_clock ticks to, frame by frame."""

    def __init__(self, client: Any, bpm: float) -> None:
        self._client = client
        self._bar_frames = RATE * 60 / bpm * BEATS_PER_BAR

    def bar_ns(self) -> int:
        """The nearest bar line, by JACK's own estimate of the frame that is now."""
        before = perf_counter_ns()
        frame = int(self._client.transport_frame)
        now_ns = (before + perf_counter_ns()) // 2
        line = round(frame / self._bar_frames) * self._bar_frames
        return now_ns + round((line - frame) / RATE * 1e9)


@contextmanager
def jack_midi_clock(server: JackDummy, bpm: float) -> Iterator[JackTransport]:
    """Run jack_midi_clock at a tempo, with the transport rolling from 0 once it is left to.

    Raises Unavailable without it or without JACK-Client.
    """
    try:
        import jack
    except (ImportError, OSError) as error:
        raise Unavailable(
            f"JACK's transport cannot be read ({error}): pip install JACK-Client"
        ) from error
    client = jack.Client("mula-bench", no_start_server=True)
    command = ["jack_midi_clock", "-B", "-b", str(bpm), "-d", "0"]
    try:
        with client:
            client.transport_stop()
            client.transport_frame = 0
            try:
                clock = subprocess.Popen(
                    command, env=server.env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
                )
            except OSError as error:
                raise Unavailable(f"jack_midi_clock: {error.strerror}") from error
            try:
                sleep(2.5)  # the daemons look for new ports now and then
                client.transport_start()
                yield JackTransport(client, bpm)
                client.transport_stop()
            finally:
                clock.terminate()
                clock.wait()
    finally:
        client.close()
