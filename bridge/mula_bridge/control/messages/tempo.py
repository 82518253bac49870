"""Commands and reports about time: transport, clock and what waits for the beat.

Parts of the unions in messages.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mula_bridge.control.messages.commands import Command


class Clock(StrEnum):
    """Who may lead the time, in the order of preference."""

    LINK = "link"
    """Ableton Link, while anybody else is in the session."""
    MIDI = "midi"
    """A MIDI clock, while it ticks."""
    INTERNAL = "internal"


AUTO = "auto"
"""The first of them that is there leads."""


@dataclass(frozen=True, slots=True)
class StartTransport:
    """Begin the song: its first bar begins now, or with Link at the session's next bar."""


@dataclass(frozen=True, slots=True)
class StopTransport:
    """End the song."""


@dataclass(frozen=True, slots=True)
class ChooseClock:
    """Follow one clock, or ``auto``; None asks for it."""

    source: str | None


@dataclass(frozen=True, slots=True)
class Quantised:
    """Obey ``command`` when the beat next is a multiple of ``beats`` quarters; 0: now."""

    command: Command
    beats: int


def quantised(command: Command, beats: int) -> Command:
    """The command, to be obeyed at a multiple of ``beats``; as it is for 0."""
    return Quantised(command, beats) if beats else command


@dataclass(frozen=True, slots=True)
class Beat:
    """A beat has begun. ``bar`` and ``beat`` count from 1, as musicians do; ``late_ms`` is how
    long ago that was when this was said."""

    bar: int
    beat: int
    bpm: float
    playing: bool
    late_ms: float = 0.0


@dataclass(frozen=True, slots=True)
class ClockChanged:
    """Whom we are asked to follow (a Clock or ``auto``), who leads, and what it says.

    ``name`` is the leader's own: the MIDI port, or how many Link peers there are.
    """

    source: str
    leader: Clock
    name: str
    bpm: float
    playing: bool
