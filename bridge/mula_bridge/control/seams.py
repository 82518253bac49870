"""What answers a family of commands: the seam along which the session grows.

The session offers each command to its handlers in order, all on its own thread; the
first that obeys it ends the round. A handler owns its state and needs no locks.
"""

from __future__ import annotations

from typing import Protocol

from mula_bridge.control.messages.commands import Command, Origin, Report


class Publish(Protocol):
    """Sends a report on: ``to`` one origin, to everyone ``but`` one, or to everyone."""

    def __call__(
        self, report: Report, *, to: Origin | None = None, but: Origin | None = None
    ) -> None: ...


class Handler(Protocol):
    """Session thread only."""

    def handle(self, command: Command, origin: Origin) -> bool:
        """Obey the command; False leaves it to the next handler. Raises MulaError."""

    def dump(self, origin: Origin) -> None:
        """Tell ``origin`` the whole state this handler keeps."""
