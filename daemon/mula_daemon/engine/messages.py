"""What the daemon and an engine's host say to each other: plain data, one way each.

To the engine: Turn, Run, Abort, Quit. From it: Ready, Frame, AudioBlock, Ended,
Broken. The transport may be a pipe to a child process or something farther away.
"""

from __future__ import annotations

from dataclasses import dataclass

from mula_bridge.messages import JobState
from mula_daemon.engine.base import AudioBlock, ClipRequest, EngineInfo, Frame, FrameKnobs


@dataclass(frozen=True, slots=True)
class EngineSpec:
    """Which engine to build: a name of the table in engines.py, and its checkpoint folder."""

    name: str = "auto"
    checkpoint: str = ""


@dataclass(frozen=True, slots=True)
class Turn:
    """The newest knobs; an engine reads the last one that arrived before each frame."""

    knobs: FrameKnobs


@dataclass(frozen=True, slots=True)
class Run:
    """Generate this; answered by frames, blocks and one Ended."""

    request: ClipRequest


@dataclass(frozen=True, slots=True)
class Abort:
    """Stop this job at the next frame."""

    job: str


@dataclass(frozen=True, slots=True)
class Quit:
    """Leave the process."""


@dataclass(frozen=True, slots=True)
class Ready:
    """The model is warm."""

    info: EngineInfo


@dataclass(frozen=True, slots=True)
class Ended:
    """A job came to its end: DONE, CANCELLED or FAILED with a reason."""

    job: str
    state: JobState
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Broken:
    """The engine cannot be had; a restart would not help."""

    reason: str


ToEngine = Turn | Run | Abort | Quit
FromEngine = Ready | Frame | AudioBlock | Ended | Broken
