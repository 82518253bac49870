"""The seams between who sends commands, and who hears of what came of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from mula_bridge.control.messages import Command, Origin, Report

Emit = Callable[[Command, Origin], None]
"""Hands a command to the session. Callable from any thread; never blocks on the model."""


class Source(Protocol):
    """Where commands come from: OSC, MIDI, the page."""

    def start(self, emit: Emit) -> None: ...
    def stop(self) -> None: ...


class Listener(Protocol):
    """Where reports go: OSC feedback, MIDI feedback, the panel, a test."""

    def report(self, report: Report, *, to: Origin | None, but: Origin | None) -> None:
        """Take one report; called on the session's thread, in order, and must not block.

        ``to`` set: an answer for that sender alone. ``but`` set: news for everyone
        except the control that caused it. Both None: news for everyone.
        """


class Publish(Protocol):
    """Sends a report on: ``to`` one origin, or to everyone.

    News ``by`` an origin is for everyone else, and then the answer to it, if it is not us.
    """

    def __call__(
        self, report: Report, *, to: Origin | None = None, by: Origin | None = None
    ) -> None: ...
