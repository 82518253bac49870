"""The session's inbox: what any thread hands over, in order, for one thread to take.

Policy. Setting the same knob from the same origin again replaces the value that
still waits (latest wins), but never across another kind of message, so a trigger
always sees the knobs as they were when it was sent. Triggers are never
coalesced; beyond ``limit`` waiting messages a command is refused with Busy.
Events of our own (the engine's, a shutdown) are few, and always taken.
"""

from __future__ import annotations

import threading
from collections.abc import Hashable
from typing import Generic, TypeVar

from mula_bridge.errors import Busy
from mula_bridge.messages import Command, Origin, SetKnob

Event = TypeVar("Event")
Mail = tuple[Command, Origin]


class Inbox(Generic[Event]):
    """Many threads put, one takes."""

    def __init__(self, limit: int = 4096) -> None:
        self._limit = limit
        self._filled = threading.Condition()
        self._waiting: list[Mail | Event] = []
        self._place: dict[Hashable, int] = {}

    def put(self, command: Command, origin: Origin) -> None:
        """Add a command; from any thread. Raises Busy when too many wait."""
        with self._filled:
            if isinstance(command, SetKnob):
                key = (command.name, command.norm, origin)
                place = self._place.get(key)
                if place is not None:
                    self._waiting[place] = (command, origin)
                    return
                self._place[key] = len(self._waiting)
            else:
                self._place.clear()
            if len(self._waiting) >= self._limit:
                self._place.clear()
                raise Busy(f"{self._limit} messages are waiting; this one was dropped")
            self._waiting.append((command, origin))
            self._filled.notify()

    def put_event(self, event: Event) -> None:
        """Add one of our own events; from any thread."""
        with self._filled:
            self._place.clear()
            self._waiting.append(event)
            self._filled.notify()

    def take(self, timeout: float | None = None) -> list[Mail | Event]:
        """Everything that waits, oldest first; empty only after ``timeout`` seconds."""
        with self._filled:
            if not self._waiting:
                self._filled.wait(timeout)
            taken, self._waiting = self._waiting, []
            self._place.clear()
            return taken
