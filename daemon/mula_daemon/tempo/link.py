"""Ableton Link, through aalink: one timeline for every program on the network.

aalink is GPL-3.0-or-later, and Link itself GPL-2.0-or-later, so it is an extra
(``pip install 'mulabridge[link]'``), imported only when Link is switched on.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from time import perf_counter_ns
from typing import Any, Final

from mula_bridge.control import BEATS_PER_BAR, Task
from mula_bridge.control.messages import Clock
from mula_bridge.errors import Unavailable
from mula_bridge.net import hurry
from mula_daemon.tempo.conductor import Conductor
from mula_daemon.tempo.timeline import Timeline

POLL_S: Final = 0.05
"""How often the session is read, besides when it says that something changed."""

_SAME_NS: Final = 100_000
_ALONE_NS: Final = 1_000_000
_QUICK_NS: Final = 100_000
_TRIES: Final = 5
_BPM_STEP: Final = 0.0005

log = logging.getLogger(__name__)


class LinkPeer:
    """A member of the Link session, and the conductor's Link clock.

    With others there, the session's timeline is what the conductor hears. Alone, ours is
    kept on the conductor's, so that who joins finds the beat that is playing.
    """

    def __init__(self, conductor: Conductor) -> None:
        self._conductor = conductor
        self._link: Any = None
        self._line: Timeline | None = None
        self._wanted = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._make: Any = None
        self.listener: Final = Task("link", self._listen, self.leave)
        """The thread that listens; it begins with the first ``join``, and is to be stopped."""

    # --- SharedTime: any thread ---------------------------------------------------------------

    def join(self) -> None:
        """Be in the session, soon. Raises Unavailable without aalink."""
        try:
            import aalink
        except ImportError as error:
            raise Unavailable(
                f"Ableton Link is not installed ({error}); pip install 'mulabridge[link]'"
            ) from error
        self._wanted = True
        if self._make is None:
            self._make = aalink.Link
            self.listener.start()
        self._soon()

    def leave(self) -> None:
        """Be out of the session, soon."""
        self._wanted = False
        self._soon()

    def set_bpm(self, bpm: float) -> None:
        """Another tempo for everyone in the session, from now on."""
        if self._link is not None:
            self._link.tempo = bpm
            self._line = None

    def start(self) -> None:
        """Start everyone, at the next bar."""
        if self._link is not None:
            self._link.playing = True
            self._link.request_beat_at_start_playing_time(0)
            self._line = None
            self._soon()

    def stop_playing(self) -> None:
        """Stop everyone."""
        if self._link is not None:
            self._link.playing = False
            self._line = None

    # --- its own thread -----------------------------------------------------------------------

    def _listen(self) -> None:
        try:
            asyncio.run(self._live())
        finally:
            self._link = self._loop = None
            self._conductor.hear(Clock.LINK, None)

    async def _live(self) -> None:
        hurry()
        self._loop = asyncio.get_running_loop()
        link = self._link = self._make(self._conductor.timeline.bpm)
        link.quantum = BEATS_PER_BAR
        link.start_stop_sync_enabled = True
        link.set_tempo_callback(lambda _bpm: self._look())
        link.set_start_stop_callback(lambda _playing: self._look())
        link.set_num_peers_callback(lambda _peers: self._look())
        try:
            while not self.listener.stopping.is_set():
                self._look()
                await asyncio.sleep(POLL_S)
        finally:
            link.enabled = False

    def _soon(self) -> None:
        if self._loop is not None:
            with suppress(RuntimeError):  # it is closing
                self._loop.call_soon_threadsafe(self._look)

    def _look(self) -> None:
        with self.listener.item("the Link session"):
            self._poll()

    def _poll(self) -> None:
        link, wanted = self._link, self._wanted
        if link is None:
            return
        if link.enabled != wanted:
            link.enabled = wanted
        peers = link.num_peers if wanted else 0
        if peers:
            self._line = self._read(link, self._line)
            name = f"{peers} peer" + ("s" if peers > 1 else "")
            self._conductor.hear(Clock.LINK, self._line, name)
        else:
            self._line = None
            self._conductor.hear(Clock.LINK, None)
            self._keep_step(link)

    def _read(self, link: Any, before: Timeline | None) -> Timeline:
        """The session's timeline: the one from before while it still holds."""
        beat, at_ns, took_ns = _beat(link)
        bpm, playing = float(link.tempo), bool(link.playing)
        # What was read while we were held up says no more than that.
        doubt_ns = max(_SAME_NS, took_ns)
        if (
            before is not None
            and (before.bpm, before.playing) == (bpm, playing)
            and abs(before.ns_at(beat) - at_ns) < doubt_ns
        ):
            return before
        return Timeline(bpm, beat, at_ns, playing)

    def _keep_step(self, link: Any) -> None:
        line = self._conductor.timeline
        if abs(link.tempo - line.bpm) > _BPM_STEP:
            link.tempo = line.bpm
        if link.playing != line.playing:
            link.playing = line.playing
        beat, at_ns, _ = _beat(link)
        if abs(line.ns_at(beat) - at_ns) > _ALONE_NS:
            link.force_beat(line.beat_at(perf_counter_ns()))


def _beat(link: Any) -> tuple[float, int, int]:
    """The beat, its moment, and how many nanoseconds that took, which can be wrong by half of
    it; read without being interrupted in between if that can be had."""
    best: tuple[int, float, int] | None = None
    for _ in range(_TRIES):
        before = perf_counter_ns()
        beat = float(link.beat)
        took = perf_counter_ns() - before
        if best is None or took < best[0]:
            best = took, beat, before + took // 2
        if took < _QUICK_NS:
            break
    assert best is not None
    return best[1], best[2], best[0]
