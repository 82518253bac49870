"""The session's inbox: what any thread hands over, in order, for one thread to take.

Policy. Setting the same knob from the same origin again replaces the value that
still waits, in the newer one's place (another knob set in between may have moved it,
as genre_strength does), but never across another kind of message, so a trigger
always sees the knobs as they were when it was sent. Triggers are never
coalesced; beyond ``limit`` waiting messages a command is refused with Busy.
Events of our own (the engine's, a shutdown) are few, and always taken.
"""

from __future__ import annotations

import threading
from collections.abc import Hashable
from typing import Generic, TypeVar

from mula_bridge.control.messages import Command, Origin, SetKnob
from mula_bridge.errors import Busy

Event = TypeVar("Event")
Mail = tuple[Command, Origin]


class Inbox(Generic[Event]):
    """Many threads put, one takes."""

    def __init__(self, limit: int = 4096) -> None:
        self._limit = limit
        self._filled = threading.Condition()
        self._waiting: dict[Hashable, Mail | Event] = {}
        self._others = 0  # messages so far that set no knob

    def put(self, command: Command, origin: Origin) -> None:
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

    def put_event(self, event: Event) -> None:
        """Add one of our own events; from any thread."""
        with self._filled:
            self._others += 1
            self._waiting[self._others] = event
            self._filled.notify()

    def take(self, timeout: float | None = None) -> list[Mail | Event]:
        """Everything that waits, oldest first; empty only after ``timeout`` seconds."""
        with self._filled:
            if not self._waiting:
                self._filled.wait(timeout)
            taken, self._waiting = self._waiting, {}
            return list(taken.values())
