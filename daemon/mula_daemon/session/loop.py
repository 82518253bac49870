"""The session's thread: what comes in goes to its owner, and what is said to everybody.

Everything that changes the daemon's state happens here, one thing after another, so that
nobody else needs locks for it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from time import monotonic
from typing import Any, Final, get_args

from mula_bridge.control import Service
from mula_bridge.control.messages import (
    DAEMON,
    Command,
    Failed,
    Origin,
    Panic,
    QueryDump,
    Report,
    Stop,
)
from mula_bridge.errors import MulaError
from mula_daemon.session.handler import Handler
from mula_daemon.session.mailbox import Mailbox
from mula_daemon.session.outcome import Outcome
from mula_daemon.session.publisher import Publisher

TICK_S: Final = 0.25
FOR_ALL: Final = (Stop, Panic, QueryDump)
"""Commands that every handler is told of."""

log = logging.getLogger(__name__)


class Session(Service):
    """Takes what the mailbox has, and hands it to the handlers.

    Commands go to their owner, and QueryDump, Stop and Panic to all. Events go to those who
    hear them; one that nobody hears is a report, and is published. An outcome is published as well,
    and its origin answered.
    """

    def __init__(
        self, mailbox: Mailbox, publisher: Publisher, handlers: Sequence[Handler[Any, Any]]
    ) -> None:
        """Raises ValueError when two handlers own one type of command."""
        super().__init__("session")
        self._mailbox = mailbox
        self._publish = publisher.publish
        publisher.on_fault = self.stumble
        self._handlers = tuple(handlers)
        self._owners: dict[type, Handler[Any, Any]] = {}
        self._hearers: dict[type, list[Handler[Any, Any]]] = {}
        self._next_tick = 0.0
        for handler in handlers:
            for kind in handler.commands:
                owner = self._owners.setdefault(kind, handler)
                if owner is not handler:
                    raise ValueError(f"{kind.__name__} is obeyed by {owner} and by {handler}")
            for kind in handler.events:
                self._hearers.setdefault(kind, []).append(handler)

    @property
    def unowned(self) -> tuple[type, ...]:
        """The types of command that nobody obeys here."""
        return tuple(
            kind for kind in get_args(Command) if kind not in FOR_ALL and kind not in self._owners
        )

    def wake(self) -> None:
        """Let the mailbox be looked at once more, for what waits in it."""
        self._mailbox.wake()

    def run(self) -> None:
        """Handle what comes in, to the last that came before the end."""
        while True:
            stopping = self.stopping.is_set()
            for mail in self._mailbox.take(0 if stopping else TICK_S):
                if isinstance(mail, tuple):
                    self._obey(*mail)
                else:
                    self._hear(mail)
            if stopping:
                return
            for handler in self._handlers:
                with self.item(f"settling {_name(handler)}"):
                    handler.settle()
            self._tick()

    def _obey(self, command: Command, origin: Origin) -> None:
        match command:
            case Stop() | Panic():
                for handler in self._handlers:
                    self._try(command, origin, handler.hush, command)
            case QueryDump():
                for handler in self._handlers:
                    self._try(command, origin, handler.dump, origin)
            case _:
                self._try(command, origin, self._handle, command, origin)

    def _handle(self, command: Command, origin: Origin) -> None:
        self._owners[type(command)].handle(command, origin)

    def _try(
        self, command: Command, origin: Origin, act: Callable[..., None], *arguments: object
    ) -> None:
        """Have one handler obey; who asked hears of it if that fails."""
        try:
            act(*arguments)
        except MulaError as error:
            failed = Failed(origin.address, error.code, str(error))
        except Exception as error:  # a bug must not take the knobs away in the middle of a session
            self.stumble(f"obeying {type(command).__name__}", error)
            failed = Failed(origin.address, "internal", "see the daemon's log")
        else:
            return
        self._publish(failed, to=None if origin == DAEMON else origin)

    def _hear(self, event: object) -> None:
        if isinstance(event, Outcome):
            self._publish(event.report, by=event.origin)
            return
        hearers = self._hearers.get(type(event), ())
        for handler in hearers:
            with self.item(f"{_name(handler)} hearing of {type(event).__name__}"):
                handler.hear(event)
        if not hearers:
            if isinstance(event, Report):
                self._publish(event)
            else:
                log.error("nobody hears of %s", event)

    def _tick(self) -> None:
        if monotonic() < self._next_tick:
            return
        self._next_tick = monotonic() + TICK_S
        for handler in self._handlers:
            with self.item(f"the tick of {_name(handler)}"):
                handler.tick()


def _name(handler: Handler[Any, Any]) -> str:
    return type(handler).__name__
