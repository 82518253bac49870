"""The states and choices that commands and reports name."""

from __future__ import annotations

from enum import StrEnum

__all__ = [
    "AUTO",
    "Clock",
    "DeviceState",
    "EngineState",
    "JobState",
    "Playing",
    "Prompt",
    "ServiceState",
    "Status",
]


class Prompt(StrEnum):
    """Which of the two prompts a text belongs to."""

    A = "a"
    B = "b"


class Status(StrEnum):
    """What a listener made of a clip."""

    NEW = "new"
    KEPT = "kept"
    REJECTED = "rejected"


class Playing(StrEnum):
    """What the deck does: ``waiting`` is for the beat or bar to begin on."""

    STOPPED = "stopped"
    WAITING = "waiting"
    PLAYING = "playing"


class Clock(StrEnum):
    """Who may lead the time, in the order of preference."""

    LINK = "link"
    """Ableton Link, while anybody else is in the session."""
    MIDI = "midi"
    """A MIDI clock, while it ticks."""
    INTERNAL = "internal"


AUTO = "auto"
"""The first of them that is there leads."""


class JobState(StrEnum):
    """Where a job is; the daemon holds the table of moves between them."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    CANCELLED = "cancelled"
    FAILED = "failed"


class EngineState(StrEnum):
    """Where the engine process is."""

    STARTING = "starting"
    READY = "ready"
    RESTARTING = "restarting"
    """It died, and is started again at once."""
    RESTING = "resting"
    """It died again and again; the next try comes by itself, in a while."""
    FAILED = "failed"
    """It cannot be had as it is asked for."""


class DeviceState(StrEnum):
    """Where the audio interface is."""

    OPEN = "open"
    """It plays."""
    LOST = "lost"
    """It was there and went away; it is looked for."""
    MISSING = "missing"
    """There is none, or it does not open; it is looked for."""


class ServiceState(StrEnum):
    """How a part of the daemon fares that works on a thread of its own."""

    WELL = "well"
    """It works, as it did or again."""
    FAILING = "failing"
    """Something in it failed lately; it works on."""
    DEAD = "dead"
    """It ended for good."""
