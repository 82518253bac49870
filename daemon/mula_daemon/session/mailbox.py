"""The session's mailbox: what any thread hands over, in order, for one thread to take.

Policy. Setting the same knob from the same origin again replaces the value that
still waits, in the newer one's place (another knob set in between may have moved it,
as genre_strength does), but never across another kind of message, so a trigger
always sees the knobs as they were when it was sent. Triggers are never
coalesced; beyond ``limit`` waiting messages a command is refused with Busy.
Events of our own (the engine's, a file that was moved) are few, and always taken.
"""

from __future__ import annotations

import threading
from collections.abc import Hashable

from mula_bridge.control.messages import DAEMON, Command, Origin, SetKnob
from mula_bridge.errors import Busy

Mail = tuple[Command, Origin] | object
"""A command and who sent it, or an event."""


class Mailbox:
    """Many threads put and post, one takes. Made before everything else, and known to all."""

    def __init__(self, limit: int = 4096) -> None:
        self._limit = limit
        self._filled = threading.Condition()
        self._waiting: dict[Hashable, Mail] = {}
        self._others = 0  # messages so far that set no knob
        self._woken = False

    def put(self, command: Command, origin: Origin = DAEMON) -> None:
        """Add a command; from any thread. Raises Busy when too many wait."""
        with self._filled:
            key: Hashable
            if isinstance(command, SetKnob):
                key = (command.name, command.norm, origin, self._others)
                self._waiting.pop(key, None)
            else:
                self._others += 1
                key = self._others
            if len(self._waiting) >= self._limit:
                raise Busy(f"{self._limit} messages are waiting; this one was dropped")
            self._waiting[key] = (command, origin)
            self._filled.notify()

    def post(self, event: object) -> None:
        """Add one of our own events, never a tuple; from any thread."""
        with self._filled:
            self._others += 1
            self._waiting[self._others] = event
            self._filled.notify()

    def wake(self) -> None:
        """Let the next ``take``, or the one that waits, return at once; from any thread."""
        with self._filled:
            self._woken = True
            self._filled.notify()

    def take(self, timeout: float | None = None) -> list[Mail]:
        """Everything that waits, oldest first; empty only after ``timeout`` seconds or a
        ``wake``."""
        with self._filled:
            if not self._waiting and not self._woken:
                self._filled.wait(timeout)
            taken, self._waiting, self._woken = self._waiting, {}, False
            return list(taken.values())
