"""What the daemon and an engine's host say to each other: plain data, one way each.

To the engine: Begin, Turn, Run, Abort, Pace, Quit. From it: Begun, Ready, Alive, Frame,
AudioBlock, Notice, Timing, Ended, Leaving, Broken. The transport may be a pipe to a child
process or something farther away.
"""

from __future__ import annotations

from msgspec import Struct

from mula_bridge.control.messages import JobState
from mula_daemon.engine.seam import ClipRequest, EngineInfo, FrameKnobs, Item
from mula_daemon.tempo import Timeline


class EngineSpec(Struct, frozen=True):
    """Which engine to build: a name of the table in engines.py, and its checkpoint folder.

    ``precision`` is that of the weights, for engines with a choice. HeartMuLa's alone: ``device``
    is cuda, mps or cpu, ``codec`` where its codec lives, ``codec_stream`` how that streams,
    ``ending`` whether the model may end a clip ("stop") or goes on to its length ("go-on").
    ``kit`` is a folder of one-shots, ``stems`` asks for them; engines without leave both.
    """

    name: str = "auto"
    checkpoint: str = ""
    precision: str = "auto"
    kit: str = ""
    stems: bool = False
    codec: str = "auto"
    codec_stream: str = ""
    ending: str = "go-on"
    device: str = "auto"


class Turn(Struct, frozen=True):
    """The newest knobs; an engine reads the last one that arrived before each frame."""

    knobs: FrameKnobs


class Run(Struct, frozen=True):
    """Generate this; answered by frames, blocks and one Ended."""

    request: ClipRequest


class Abort(Struct, frozen=True):
    """Stop this job at the next frame."""

    job: str


class Pace(Struct, frozen=True):
    """When a frame of an endless job shall begin: the one that begins after ``samples`` samples
    of the job, at ``due_ns`` (perf_counter_ns of the daemon's machine); later ones follow at the
    sample rate, a burst of them when its first is due. The newest counts. Without any, the job
    waits before its first frame.

    Each frame is heard ``lead_ns`` after it is due, and keeps to the bars of ``line``, if any."""

    job: str
    samples: int
    due_ns: int
    lead_ns: int = 0
    line: Timeline | None = None


class Begin(Struct, frozen=True):
    """Build the engine: said once, before anything else."""


class Quit(Struct, frozen=True):
    """Leave the process."""


class Begun(Struct, frozen=True):
    """The engine is being built, which may take long: the answer to Begin."""


class Ready(Struct, frozen=True):
    """The model is warm."""

    info: EngineInfo


class Ended(Struct, frozen=True):
    """A job came to its end: DONE, CANCELLED or FAILED with a reason."""

    job: str
    state: JobState
    reason: str = ""


class Alive(Struct, frozen=True):
    """The engine waits: to be told to begin, for something to do, or for the time to do it."""


class Leaving(Struct, frozen=True):
    """This engine can work no more, and its process ends; another one may."""

    reason: str


class Broken(Struct, frozen=True):
    """The engine cannot be had as it is asked for; a restart alone would not help."""

    reason: str


ToEngine = Begin | Turn | Run | Abort | Pace | Quit
FromEngine = Begun | Ready | Alive | Item | Ended | Leaving | Broken
