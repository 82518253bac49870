"""The session's mailbox: what any thread hands over, in order, for one thread to take.

Policy. Setting the same knob from the same origin again replaces the value that
still waits, in the newer one's place (another knob set in between may have moved it,
as genre_strength does), but never across another kind of message, so a trigger
always sees the knobs as they were when it was sent. Who asks for a dump, or for the
status, again before the first was answered is answered once, at the later place. Triggers are
never coalesced; beyond ``MOST_COMMANDS`` waiting ones a command is refused with Busy, but for Stop
and Panic, of which one each may wait beyond it.
What the daemon says to itself has a lane of its own and is never refused: commands
that follow from others (``pass_on``), and events (``post``: the engine's, a file that was moved).
Of those, ``MOST_EVENTS`` may wait; whoever posts more is held back, a second for each.
"""

from __future__ import annotations

import threading
from collections.abc import Hashable
from typing import Final

from mula_bridge.control.messages import (
    DAEMON,
    Command,
    Origin,
    Panic,
    QueryDump,
    QueryStatus,
    SetKnob,
    Stop,
)
from mula_bridge.errors import Busy, Unavailable

MOST_COMMANDS: Final = 4096
MOST_EVENTS: Final = 16_384
HOLD_S: Final = 1.0
QUESTIONS: Final = (QueryDump, QueryStatus)
"""Commands whose answer costs more than the question."""
ALWAYS: Final = (Stop, Panic)
"""Commands that are obeyed in any flood."""

Mail = tuple[Command, Origin] | object
"""A command and who sent it, or an event."""


class Mailbox:
    """Many threads put and post, one takes. Made before everything else, and known to all."""

    def __init__(self, limit: int = MOST_COMMANDS, events: int = MOST_EVENTS) -> None:
        self._limit = limit
        self._most_events = events
        lock = threading.Lock()
        self._filled, self._emptied = threading.Condition(lock), threading.Condition(lock)
        self._waiting: dict[Hashable, Mail] = {}
        self._others = 0  # messages so far that set no knob
        self._commands = 0  # that wait and were put
        self._woken = False
        self._closed = False
        self._taker = 0

    def put(self, command: Command, origin: Origin = DAEMON) -> None:
        """Add a command; from any thread. Raises Busy when too many wait, and Unavailable once
        the daemon ends."""
        with self._filled:
            if self._closed:
                raise Unavailable("mula run is ending; this was not obeyed")
            key = self._key(command, origin)
            if key in self._waiting:
                del self._waiting[key]
            elif self._commands < self._limit:
                self._commands += 1
            elif isinstance(command, ALWAYS):
                key = type(command)
                self._waiting.pop(key, None)
            else:
                raise Busy(f"{self._limit} messages are waiting; this one was dropped")
            self._add(key, (command, origin))

    def pass_on(self, command: Command, origin: Origin = DAEMON) -> None:
        """Add a command of the daemon's own, or one that was put before and had to wait; from
        any thread."""
        with self._filled:
            key = self._key(command, origin)
            self._waiting.pop(("ours", key), None)
            self._add(("ours", key), (command, origin))

    def post(self, event: object) -> None:
        """Add one of our own events, never a tuple; from any thread."""
        with self._filled:
            if len(self._waiting) >= self._most_events and threading.get_ident() != self._taker:
                self._emptied.wait(HOLD_S)
            self._others += 1
            self._add(self._others, event)

    def close(self) -> None:
        """Take no more commands from anybody else; from any thread."""
        with self._filled:
            self._closed = True

    def wake(self) -> None:
        """Let the next ``take``, or the one that waits, return at once; from any thread."""
        with self._filled:
            self._woken = True
            self._filled.notify()

    def take(self, timeout: float | None = None) -> list[Mail]:
        """Everything that waits, oldest first; empty only after ``timeout`` seconds or a
        ``wake``."""
        with self._filled:
            self._taker = threading.get_ident()
            if not self._waiting and not self._woken:
                self._filled.wait(timeout)
            taken, self._waiting, self._woken = self._waiting, {}, False
            self._commands = 0
            self._emptied.notify_all()
            return list(taken.values())

    def _key(self, command: Command, origin: Origin) -> Hashable:
        """What a command has in common with those that it replaces."""
        if isinstance(command, SetKnob):
            return command.name, command.norm, origin, self._others
        self._others += 1
        if isinstance(command, QUESTIONS):
            return type(command), origin
        return self._others

    def _add(self, key: Hashable, mail: Mail) -> None:
        self._waiting[key] = mail
        self._filled.notify()
