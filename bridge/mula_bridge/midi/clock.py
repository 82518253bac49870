"""MIDI clock: tempo, position and whether it runs, from what a port says. Pure.

Times are ``perf_counter_ns`` of arrival, as fine as the system gives them. Not
thread-safe: one thread calls it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from mula_bridge.midi.decoding import Event, EventKind, parse

TICKS_PER_BEAT: Final = 24
ENOUGH: Final = 24
"""So many ticks make a tempo that can be used."""
WINDOW: Final = 96
"""So many ticks the tempo is averaged over, once they have come."""
SILENCE_NS: Final = 500_000_000
"""A clock without a tick for so long has stopped, whether it said so or not."""

_TICKS_PER_SIXTEENTH: Final = 6
_JUMP: Final = 1.75  # ticks: a longer interval is a gap, or a late tick
_SETTLED: Final = 6  # ticks after a jump that tell which
_WHOLE: Final = 0.2  # ticks: so near to a whole number of them, that many were lost
_BPM_STEP: Final = 0.01


@dataclass(frozen=True, slots=True)
class ClockNews:
    """Where the leading clock is.

    ``bpm``: quarters a minute; None while it is not known, and when the clock has fallen
    silent. ``beat``: quarters since the start of the song, a tick being 1/24.
    ``running``: between Start or Continue and Stop. ``at_ns``: when ``beat`` was, wobble
    averaged out; None while no tick has come since the place was set, or no tempo is known.
    """

    port: str
    bpm: float | None
    beat: float
    running: bool
    at_ns: int | None = None


class MidiClock:
    """One port's clock: feed it every event, then read it."""

    def __init__(self) -> None:
        self._times: deque[int] = deque(maxlen=WINDOW + 1)
        self._tick_ns: float | None = None
        self._fitted_ns = 0
        self._alive_ns: int | None = None  # the last tick, Start or Continue
        self._jump: _Jump | None = None
        self._position = 0  # in ticks
        self._stands = True  # the next tick is at the position, not one after it
        self._running = False
        self.on_beat = False
        """Whether the last event was a tick that begins a quarter."""

    @property
    def bpm(self) -> float | None:
        """The tempo, averaged over up to 96 ticks; None before the first 24 have passed."""
        return None if self._tick_ns is None else 60e9 / (TICKS_PER_BEAT * self._tick_ns)

    @property
    def beat(self) -> float:
        """Quarters since the start of the song."""
        return self._position / TICKS_PER_BEAT

    @property
    def at_ns(self) -> int | None:
        """When the last tick was, wobble averaged out; None before a tempo is known, and while
        no tick has come since the position was set."""
        if self._stands and self._running:
            return None
        return None if self._tick_ns is None else self._fitted_ns

    @property
    def running(self) -> bool:
        """Whether it was started, and not stopped since."""
        return self._running

    @property
    def silent_at_ns(self) -> int | None:
        """When it counts as silent unless something comes; None: it is silent."""
        return None if self._alive_ns is None else self._alive_ns + SILENCE_NS

    def hear(self, event: Event, at_ns: int) -> None:
        """Take one event; those that are not about the clock change nothing."""
        self.expire(at_ns)
        self.on_beat = False
        match event.kind:
            case EventKind.CLOCK:
                self._alive_ns = at_ns
                self._tick(at_ns)
            case EventKind.START:
                self._go(at_ns)
                self._position, self._stands = 0, True
            case EventKind.CONTINUE:
                self._go(at_ns)
            case EventKind.STOP:
                self._running = False
            case EventKind.SONG_POSITION:
                self._position, self._stands = event.value * _TICKS_PER_SIXTEENTH, True

    def expire(self, now_ns: int) -> None:
        """Stop when nothing has come for half a second."""
        silent_at_ns = self.silent_at_ns
        if silent_at_ns is not None and now_ns >= silent_at_ns:
            self._times.clear()
            self._alive_ns = self._tick_ns = self._jump = None
            self._running = False

    def _go(self, at_ns: int) -> None:
        self._running, self._alive_ns = True, at_ns
        if self._leaps(at_ns):  # it was quiet while it was stopped: those ticks are not missing
            self._times.clear()
            self._jump = None

    def _leaps(self, at_ns: int) -> bool:
        """Whether it is later than a next tick can be."""
        last_ns = self._times[-1] if self._times else at_ns
        return self._tick_ns is not None and at_ns - last_ns > _JUMP * self._tick_ns

    def _tick(self, at_ns: int) -> None:
        if self._jump is None and not self._stands and self._leaps(at_ns):
            assert self._tick_ns is not None
            self._jump = _Jump(self._fitted_ns, self._tick_ns)
        if self._running:
            self._position += not self._stands
            self._stands = False
        self._times.append(at_ns)
        self._settle(at_ns)
        self.on_beat = self._running and self._position % TICKS_PER_BEAT == 0
        self._fit()

    def _fit(self) -> None:
        """A straight line through the ticks: how far apart they are, and where the last one is.

        Few ticks tell where they are, but not how far apart: the tempo from before holds.
        """
        times = self._times
        if len(times) > ENOUGH:
            self._tick_ns = _slope(times) or self._tick_ns
        if self._tick_ns is not None:
            first = times[0]
            middle = first + sum(at_ns - first for at_ns in times) / len(times)
            self._fitted_ns = round(middle + self._tick_ns * (len(times) - 1) / 2)

    def _settle(self, at_ns: int) -> None:
        """After a jump: a late tick is caught up with, ticks that were lost are made up for, and
        a clock that stood still goes on from where it stood.

        What was lost shifts the ticks by whole intervals; a clock whose machine was held up
        (a DAW that dropped out stops its song, too) shifts them by anything.
        """
        jump = self._jump
        if jump is None:
            return
        jump.since.append(at_ns)
        if len(jump.since) < _SETTLED:
            return
        self._jump = None
        since = jump.since
        own_ns = (since[-1] - since[0]) / (len(since) - 1)
        if own_ns > _JUMP * jump.tick_ns:
            # No gap, but another tempo: all of them come as late after one another.
            self._times = deque(since, maxlen=WINDOW + 1)
            self._tick_ns = own_ns
            return
        missing = jump.late_ticks()
        lost = round(missing)
        if lost > 0:
            if self._running and abs(missing - lost) <= _WHOLE:
                self._position += lost
            # Across the gap there is no tempo; the one from before it holds meanwhile.
            self._times = deque(since, maxlen=WINDOW + 1)
            self._tick_ns = jump.tick_ns


@dataclass(slots=True)
class _Jump:
    """An interval that was too long: the last tick before it, and those since."""

    before_ns: int
    tick_ns: float
    since: list[int] = field(default_factory=list)

    def late_ticks(self) -> float:
        """How many ticks late the latest are. Single ones come late, but none comes early."""
        return min(
            (at_ns - self.before_ns) / self.tick_ns - number
            for number, at_ns in list(enumerate(self.since, 1))[-3:]
        )


class Clocks:
    """The clocks of every port. The first that ticks leads, until it falls silent."""

    def __init__(self) -> None:
        self._clocks: dict[str, MidiClock] = {}
        self._leader: str | None = None
        self._told: ClockNews | None = None

    def hear(self, port: str, data: Sequence[int], at_ns: int) -> ClockNews | None:
        """Take one message of ``port``; what is new by it, if anything."""
        if not data or data[0] < 0xF0:
            return None
        event = parse(data)
        if event is None:
            return None
        news = self.due(at_ns)
        clock = self._clocks.setdefault(port, MidiClock())
        clock.hear(event, at_ns)
        if self._leader is None and event.kind is EventKind.CLOCK:
            self._leader, self._told = port, None
        return (self._news(clock) if port == self._leader else None) or news

    def due(self, now_ns: int) -> ClockNews | None:
        """What is new because time has passed."""
        if self._leader is None:
            return None
        clock = self._clocks[self._leader]
        clock.expire(now_ns)
        return self._end() if clock.silent_at_ns is None else None

    def next_due_ns(self) -> int | None:
        """When ``due`` may have something; None: not before the next message."""
        return None if self._leader is None else self._clocks[self._leader].silent_at_ns

    def forget(self, port: str) -> ClockNews | None:
        """The port is gone; what is new by it."""
        news = self._end() if port == self._leader else None
        self._clocks.pop(port, None)
        return news

    def _end(self) -> ClockNews | None:
        told, self._told, self._leader = self._told, None, None
        if told is None or (told.bpm is None and not told.running):
            return None
        return ClockNews(told.port, None, self._clocks[told.port].beat, False)

    def _news(self, clock: MidiClock) -> ClockNews | None:
        news = ClockNews(self._leader or "", clock.bpm, clock.beat, clock.running, clock.at_ns)
        if not clock.on_beat and self._told is not None and not _differs(self._told, news):
            return None
        self._told = news
        return news


def _differs(told: ClockNews, news: ClockNews) -> bool:
    if told.running != news.running or int(told.beat) != int(news.beat):
        return True
    if told.bpm is None or news.bpm is None:
        return told.bpm is not news.bpm
    return abs(told.bpm - news.bpm) > _BPM_STEP


def _slope(times: Sequence[int]) -> float | None:
    """Nanoseconds a tick, by least squares: systems that quantise arrival times to their
    periods would bend the mean of the ends."""
    count = len(times)
    middle, first = (count - 1) / 2, times[0]
    total = sum((index - middle) * (at_ns - first) for index, at_ns in enumerate(times))
    slope = total * 12 / (count * (count * count - 1))
    return slope if slope > 0 else None
