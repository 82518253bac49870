"""Who leads the time: the one place to ask for the present timeline.

Clocks tell the conductor their timelines; the first of them that is there leads, in the
order of ``Clock``, unless one is asked for. The internal clock is always there, and goes
on where the last leader left off.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from time import perf_counter_ns
from typing import Final, Protocol, cast

from msgspec.structs import replace

from mula_bridge.control import KNOBS
from mula_bridge.control.messages import AUTO, Clock, ClockChanged, Origin
from mula_bridge.errors import BadInput, Unavailable
from mula_daemon.tempo.timeline import Timeline

SOURCES: Final = (AUTO, *Clock)
"""What may be asked for."""

CLOCK: Final = Origin("clock", received_ns=0)
"""Who turns the knob bpm when the leader's tempo changes."""

_STEP_BPM: Final = {Clock.LINK: 0.001, Clock.MIDI: 0.1, Clock.INTERNAL: 0.0}
"""Tempi are shown in these steps: a clock that wobbles by less does not move the knob."""


class SharedTime(Protocol):
    """A clock that takes orders from everyone who follows it. Any thread.

    ``join`` raises Unavailable; both it and ``leave`` may be called again.
    """

    def join(self) -> None: ...
    def leave(self) -> None: ...
    def set_bpm(self, bpm: float) -> None: ...
    def start(self) -> None: ...
    def stop_playing(self) -> None: ...


class Conductor:
    """Keeps the timeline that everything on the beat follows. Any thread may call anything.

    Listeners are called without arguments whenever something has changed, on the thread
    that changed it; they must not block.
    """

    def __init__(self, bpm: float = cast("float", KNOBS["bpm"].default)) -> None:
        self._lock = threading.RLock()
        self._source: str = AUTO
        self._leader = Clock.INTERNAL
        self._timeline = Timeline(bpm=bpm, at_ns=perf_counter_ns())
        self._lines = {Clock.INTERNAL: (self._timeline, "")}
        self._shown_bpm = bpm
        self._listeners: list[Callable[[], None]] = []
        self._link: SharedTime | None = None
        self._link_in_auto = False

    def offer_link(self, link: SharedTime, *, in_auto: bool) -> None:
        """Have Link to choose; before anything starts.

        It opens ports to the network, so it is joined only when it is asked for by name, or
        with ``in_auto`` by ``auto`` too.
        """
        self._link, self._link_in_auto = link, in_auto

    @property
    def timeline(self) -> Timeline:
        """Where the beat is at present; ask again rather than keep it."""
        return self._timeline

    @property
    def bars(self) -> Timeline | None:
        """The timeline whose bar lines live play keeps to; None while the transport stands.

        Link's beat is everyone's also where nobody shares start and stop, as most do not.
        """
        line = self._timeline
        return line if line.playing or self._leader is Clock.LINK else None

    @property
    def source(self) -> str:
        """Whom we are asked to follow."""
        return self._source

    @property
    def state(self) -> ClockChanged:
        """Who leads, and what it says."""
        with self._lock:
            name = self._lines[self._leader][1]
            playing = self._timeline.playing
            return ClockChanged(self._source, self._leader, name, self._shown_bpm, playing)

    def listen(self, listener: Callable[[], None]) -> None:
        """Add a listener; before anything starts."""
        self._listeners.append(listener)

    # --- clocks -------------------------------------------------------------------------------

    def hear(self, clock: Clock, line: Timeline | None, name: str = "") -> None:
        """A clock says where it is, or (None) that it is gone; ``name`` is its own."""
        with self._lock:
            before = self._lines.get(clock)
            if (None if line is None else (line, name)) == before:
                return
            if line is None:
                del self._lines[clock]
            else:
                self._lines[clock] = line, name
            self._elect()
        self._tell()

    # --- people -------------------------------------------------------------------------------

    def choose(self, source: str) -> None:
        """Follow one clock, while it is there, or ``auto``. Raises BadInput, and Unavailable
        where there is no Link."""
        known = _known(source)
        if known == Clock.LINK or (known == AUTO and self._link_in_auto):
            if self._link is None:
                raise Unavailable("this daemon runs without Ableton Link")
            self._link.join()
        elif self._link is not None:
            self._link.leave()
        with self._lock:
            self._source = known
            self._elect()
        self._tell()

    def set_bpm(self, bpm: float) -> float:
        """Another tempo from now on; the beat goes on where it is.

        Returns the tempo that holds: a MIDI clock keeps its own.
        """
        with self._lock:
            now, line = perf_counter_ns(), self._timeline
            if self._leader is Clock.MIDI or bpm == self._shown_bpm:
                return self._shown_bpm
            if self._leader is Clock.LINK and self._link is not None:
                self._link.set_bpm(bpm)
            self._set(line.at_tempo(bpm, now))
            self._shown_bpm = bpm
        self._tell()
        return bpm

    def start(self) -> None:
        """Begin the song now, or with Link at its next bar. Raises Unavailable behind a MIDI
        clock, which starts by itself."""
        with self._lock:
            self._refuse_midi("started")
            if self._leader is Clock.LINK and self._link is not None:
                self._link.start()
            else:
                self._set(Timeline(self._timeline.bpm, 0.0, perf_counter_ns(), playing=True))
        self._tell()

    def stop(self) -> None:
        """End the song; beats are counted on, so that there is a next bar to wait for."""
        with self._lock:
            self._refuse_midi("stopped")
            if self._leader is Clock.LINK and self._link is not None:
                self._link.stop_playing()
            self._set(replace(self._timeline, playing=False))
        self._tell()

    # --- under the lock -----------------------------------------------------------------------

    def _elect(self) -> None:
        allowed = tuple(Clock) if self._source == AUTO else (Clock(self._source), Clock.INTERNAL)
        leader = next(clock for clock in allowed if clock in self._lines)
        if leader is Clock.INTERNAL and self._leader is not Clock.INTERNAL:
            line = self._timeline.at_tempo(self._shown_bpm, perf_counter_ns())
            self._lines[Clock.INTERNAL] = line, ""
        self._leader = leader
        self._timeline = self._lines[leader][0]
        self._show(self._timeline.bpm)

    def _set(self, line: Timeline) -> None:
        self._timeline = line
        self._lines[self._leader] = line, self._lines[self._leader][1]

    def _show(self, bpm: float) -> None:
        step = _STEP_BPM[self._leader]
        if abs(bpm - self._shown_bpm) > 0.8 * step:
            rounded = round(round(bpm / step) * step, 3) if step else bpm
            self._shown_bpm = cast("float", KNOBS["bpm"].coerce(rounded))

    def _refuse_midi(self, what: str) -> None:
        if self._leader is Clock.MIDI:
            port = self._lines[Clock.MIDI][1]
            raise Unavailable(
                f"the MIDI clock of {port} leads: it is {what} there; "
                "/mula/clock/source internal takes over from it"
            )

    def _tell(self) -> None:
        for listener in self._listeners:
            listener()


def _known(source: str) -> str:
    word = source.strip().lower()
    if word not in SOURCES:
        raise BadInput(f"{source!r} is no clock: there are {', '.join(SOURCES)}")
    return word
