"""The commands about time, and what happens by itself when its moment comes.

A Handler of the session, and a thread of its own that counts the beats and lets go of
what waited for one.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from math import floor
from time import perf_counter_ns

from mula_bridge.control import BEATS_PER_BAR, Emit, Publish
from mula_bridge.control.messages import (
    Beat,
    ChooseClock,
    Clock,
    ClockChanged,
    Command,
    Failed,
    Origin,
    Panic,
    Quantised,
    SetKnob,
    StartTransport,
    StopTransport,
)
from mula_bridge.errors import MulaError
from mula_bridge.net import hurry
from mula_daemon.tempo.conductor import CLOCK, Conductor
from mula_daemon.tempo.timeline import Timeline
from mula_daemon.tempo.waiting import JUMP, Waiting

log = logging.getLogger(__name__)

Post = Callable[[Beat | ClockChanged | Failed], None]
"""Hands a report to the session's thread; from any thread."""


class Transport:
    """Start, stop and clock; quantised commands; beats.

    ``ahead_ns`` tells by how much what waits for a beat comes early, so that it is heard on
    the beat: live play sets it to its lead over the ear. Called on any thread.
    """

    def __init__(self, conductor: Conductor, publish: Publish, emit: Emit, post: Post) -> None:
        self._conductor = conductor
        self._publish = publish
        self._emit = emit
        self._post = post
        self.ahead_ns: Callable[[], int] = lambda: 0
        self._wake = threading.Condition()
        self._waiting = Waiting()
        self._line = conductor.timeline  # what the waiting were last timed by
        self._state = conductor.state
        self._beat = floor(self._line.beat_at(perf_counter_ns()))
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="beat", daemon=True)
        conductor.listen(self._changed)

    def start(self) -> None:
        """Begin counting."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread; what waits is forgotten."""
        with self._wake:
            self._stopping = True
            self._wake.notify()
        self._thread.join(2.0)

    # --- Handler, on the session's thread -----------------------------------------------------

    def handle(self, command: Command, origin: Origin) -> bool:
        """Obey a command about time; False for any other. Raises MulaError."""
        match command:
            case StartTransport():
                self._conductor.start()
            case StopTransport():
                self._conductor.stop()
            case ChooseClock(str() as source):
                self._conductor.choose(source)
                self._publish(self._conductor.state, to=origin)
            case ChooseClock():
                self._publish(self._conductor.state, to=origin)
            case Quantised():
                self._wait(command, origin)
            case Panic():
                with self._wake:
                    self._waiting.clear()
                return False
            case _:
                return False
        return True

    def dump(self, origin: Origin) -> None:
        """Tell one origin who leads."""
        self._publish(self._conductor.state, to=origin)

    def _wait(self, asked: Quantised, origin: Origin) -> None:
        with self._wake:
            now, ahead = perf_counter_ns(), self.ahead_ns()
            self._waiting.add(asked, origin, self._retimed(now), now, ahead)
            self._wake.notify()

    # --- any thread ---------------------------------------------------------------------------

    def _changed(self) -> None:
        """The conductor has news."""
        with self._wake:
            state, old = self._conductor.state, self._state
            self._state = state
            self._wake.notify()
        if state == old:
            return
        self._post(state)
        if state.leader is not Clock.INTERNAL and state.bpm != old.bpm:
            # The knob goes along; from it, the next clip gets its tempo.
            self._emit(SetKnob("bpm", state.bpm), CLOCK)

    # --- its own thread -----------------------------------------------------------------------

    def _run(self) -> None:
        hurry()
        while True:
            with self._wake:
                if self._stopping:
                    return
                now, ahead = perf_counter_ns(), self.ahead_ns()
                line = self._retimed(now)
                ready = self._waiting.due(line, now, ahead)
                beat = self._begun(line, now)
                if beat is None and not ready:
                    self._wake.wait(max(0, self._until(line, ahead) - now) / 1e9)
                    continue
            for command, origin in ready:
                self._obey(command, origin)
            if beat is not None:
                self._post(beat)

    def _obey(self, command: Command, origin: Origin) -> None:
        try:
            self._emit(command, origin)
        except MulaError as error:
            self._post(Failed(origin.address, error.code, str(error)))

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
