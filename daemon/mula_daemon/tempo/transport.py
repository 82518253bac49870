"""The commands about time, those that wait for the beat, and what happens by itself.

A Handler of the session, and a thread of its own that counts the beats and lets go of
what waited for one.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from math import floor
from time import perf_counter_ns
from typing import Final, Never, assert_never, get_args

from msgspec import Struct

from mula_bridge.control import BEATS_PER_BAR, Publish, Service
from mula_bridge.control.messages import (
    Beat,
    ChooseClock,
    Clock,
    Command,
    Origin,
    Panic,
    Quantised,
    SetKnob,
    StartTransport,
    Stop,
    StopTransport,
    TempoCommand,
)
from mula_bridge.errors import Busy
from mula_bridge.net import hurry
from mula_daemon.session import Handler, Mailbox
from mula_daemon.tempo.conductor import CLOCK, Conductor
from mula_daemon.tempo.timeline import Timeline

LIMIT: Final = 256
"""So many may wait at once."""

JUMP: Final = 0.25
"""Beats. A clock that goes on elsewhere has jumped; by less, it was only put right."""


class _Item(Struct):
    beat: float
    quantum: int
    command: Command
    origin: Origin


class Waiting:
    """Each command waits for the first moment at which the beat is a multiple of its quantum.

    The last move of a knob that waits for a beat replaces the one before; anything else is
    kept, in the order in which it came. Moments are ``perf_counter_ns``; all of them come
    ``ahead_ns`` early, which lets what takes time to be heard be heard on the beat.
    """

    def __init__(self) -> None:
        self._items: list[_Item] = []

    def add(
        self, asked: Quantised, origin: Origin, line: Timeline, now_ns: int, ahead_ns: int = 0
    ) -> None:
        """Let a command wait. Raises Busy when too many do."""
        beat = _boundary(line, asked.beats, now_ns + ahead_ns)
        new = _Item(beat, asked.beats, asked.command, origin)
        if isinstance(new.command, SetKnob):
            name = new.command.name
            self._items = [one for one in self._items if not _moves(one, name, beat)]
        if len(self._items) >= LIMIT:
            raise Busy(f"{LIMIT} messages wait for the beat; this one was dropped")
        self._items.append(new)

    def clear(self) -> None:
        """Forget them all."""
        self._items.clear()

    def retime(self, line: Timeline, now_ns: int) -> None:
        """The timeline has jumped, as at a start: each waits for its next boundary there."""
        for item in self._items:
            item.beat = _boundary(line, item.quantum, now_ns)

    def due(self, line: Timeline, now_ns: int, ahead_ns: int = 0) -> list[tuple[Command, Origin]]:
        """Those whose moment has come; they are taken out."""
        ready = [one for one in self._items if line.ns_at(one.beat) - ahead_ns <= now_ns]
        if ready:
            self._items = [one for one in self._items if one not in ready]
        ready.sort(key=lambda one: one.beat)
        return [(one.command, one.origin) for one in ready]

    def next_ns(self, line: Timeline, ahead_ns: int = 0) -> int | None:
        """When ``due`` will have something; None: nothing waits."""
        beats = [one.beat for one in self._items]
        return line.ns_at(min(beats)) - ahead_ns if beats else None


def _boundary(line: Timeline, quantum: int, after_ns: int) -> float:
    """The beat of the first boundary, exactly."""
    if quantum <= 0:
        return line.beat_at(after_ns)
    return float(round(line.beat_at(line.next(quantum, after_ns)) / quantum) * quantum)


def _moves(item: _Item, knob: str, beat: float) -> bool:
    return isinstance(item.command, SetKnob) and item.command.name == knob and item.beat == beat


class Transport(Handler[TempoCommand, Never], Service):
    """Start, stop and clock; quantised commands; beats.

    ``ahead_ns`` tells by how much what waits for a beat comes early, so that it is heard on
    the beat: the lead of live play over the ear. Called on any thread.
    """

    commands = get_args(TempoCommand)

    def __init__(
        self,
        conductor: Conductor,
        mailbox: Mailbox,
        publish: Publish,
        ahead_ns: Callable[[], int] = lambda: 0,
    ) -> None:
        Service.__init__(self, "beat")
        self._conductor = conductor
        self._mailbox = mailbox
        self._publish = publish
        self._ahead_ns = ahead_ns
        self._news = threading.Condition()
        self._waiting = Waiting()
        self._line = conductor.timeline  # what the waiting were last timed by
        self._state = conductor.state
        self._beat = floor(self._line.beat_at(perf_counter_ns()))
        conductor.listen(self._changed)

    # --- Handler, on the session's thread -----------------------------------------------------

    def handle(self, command: TempoCommand, origin: Origin) -> None:
        """Obey. Raises MulaError."""
        match command:
            case StartTransport():
                self._conductor.start()
            case StopTransport():
                self._conductor.stop()
            case ChooseClock(source):
                if source is not None:
                    self._conductor.choose(source)
                self.dump(origin)
            case Quantised():
                self._wait(command, origin)
            case _:
                assert_never(command)

    def hush(self, command: Stop | Panic) -> None:
        """At a panic, forget what waits."""
        if isinstance(command, Panic):
            with self._news:
                self._waiting.clear()

    def dump(self, origin: Origin) -> None:
        """Tell one origin who leads."""
        self._publish(self._conductor.state, to=origin)

    def _wait(self, asked: Quantised, origin: Origin) -> None:
        with self._news:
            now, ahead = perf_counter_ns(), self._ahead_ns()
            self._waiting.add(asked, origin, self._retimed(now), now, ahead)
            self._news.notify()

    # --- any thread ---------------------------------------------------------------------------

    def _changed(self) -> None:
        """The conductor has news."""
        with self._news:
            state, old = self._conductor.state, self._state
            self._state = state
            self._news.notify()
        if state == old:
            return
        self._mailbox.post(state)
        if state.leader is not Clock.INTERNAL and state.bpm != old.bpm:
            # The knob goes along; from it, the next clip gets its tempo.
            self._mailbox.pass_on(SetKnob("bpm", state.bpm), CLOCK)

    # --- its own thread -----------------------------------------------------------------------

    def wake(self) -> None:
        """Let the thread see that it is to end; what waits is forgotten."""
        with self._news:
            self._news.notify()

    def run(self) -> None:
        """Count the beats, and let go of what waits for one."""
        hurry()
        while not self.stopping.is_set():
            with self.item("a beat", rest=True):
                self._turn()

    def _turn(self) -> None:
        """Do what is due now, or wait until something is."""
        with self._news:
            now, ahead = perf_counter_ns(), self._ahead_ns()
            line = self._retimed(now)
            ready = self._waiting.due(line, now, ahead)
            beat = self._begun(line, now)
            if beat is None and not ready and not self.stopping.is_set():
                self._news.wait(max(0, self._until(line, ahead) - now) / 1e9)
        for command, origin in ready:
            with self.item("what waited for its beat"):
                self._mailbox.pass_on(command, origin)
        if beat is not None:
            self._mailbox.post(beat)

    def _until(self, line: Timeline, ahead_ns: int) -> int:
        beat = line.ns_at(self._beat + 1)
        waiting = self._waiting.next_ns(line, ahead_ns)
        return beat if waiting is None else min(beat, waiting)

    def _retimed(self, now_ns: int) -> Timeline:
        line, before = self._conductor.timeline, self._line
        if line is not before:
            self._line = line
            here = line.beat_at(now_ns)
            began = line.playing and not before.playing
            if began or abs(here - before.beat_at(now_ns)) >= JUMP:
                self._waiting.retime(line, now_ns)
                self._beat = floor(here - JUMP)  # one that has only just begun is told
        return line

    def _begun(self, line: Timeline, now_ns: int) -> Beat | None:
        """The beat that has begun since the last one that was told."""
        number = floor(line.beat_at(now_ns))
        if number <= self._beat:
            return None  # a clock that was put right by a little does not begin a beat again
        self._beat = number
        bar, beat = divmod(number, BEATS_PER_BAR)
        late_ms = (now_ns - line.ns_at(number)) / 1e6
        return Beat(bar + 1, beat + 1, line.bpm, line.playing, late_ms)
