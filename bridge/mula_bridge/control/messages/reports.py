"""Reports that the session sends to its listeners. Frozen plain data.

A listener encodes a Report into its own wire format; the session knows none.
"""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from mula_bridge.control.knobs import KnobValue
from mula_bridge.control.messages.states import (
    Clock,
    DeviceState,
    EngineState,
    JobState,
    Playing,
    Prompt,
    ServiceState,
    Status,
)

__all__ = [
    "AudioDevice",
    "AudioReport",
    "AuditionSettings",
    "AuditionState",
    "Beat",
    "ClipJudged",
    "ClipReady",
    "ClockChanged",
    "DeckChanged",
    "EngineChanged",
    "Failed",
    "FrameReport",
    "Heard",
    "JobChanged",
    "KnobChanged",
    "KnobLearnt",
    "LiveChanged",
    "LyricsChanged",
    "Notice",
    "PresetSaved",
    "PresetsChanged",
    "Progress",
    "Report",
    "ServiceChanged",
    "StatusReport",
    "TagsChanged",
]


class Report(Struct, frozen=True):
    """What listeners are told. Every kind of it is a class of its own."""


# --- knobs and texts ------------------------------------------------------------------------------


class KnobChanged(Report, frozen=True):
    """A knob's effective value, in real units and as travel 0..1."""

    name: str
    value: KnobValue
    norm: float


class TagsChanged(Report, frozen=True):
    """The tags of a prompt."""

    tags: tuple[str, ...]
    prompt: Prompt = Prompt.A


class LyricsChanged(Report, frozen=True):
    """The lyrics of the next clip."""

    text: str


class PresetSaved(Report, frozen=True):
    """A preset was kept under this name."""

    name: str


class PresetsChanged(Report, frozen=True):
    """The presets there are, by name; they are numbered from 1 in this order."""

    names: tuple[str, ...]


class KnobLearnt(Report, frozen=True):
    """A MIDI control moves this knob from now on; ``source`` says which, in words."""

    name: str
    source: str


# --- jobs, clips and the engine -------------------------------------------------------------------


class JobChanged(Report, frozen=True):
    """A job moved to another state; ``reason`` says why it failed, was cancelled or is queued
    once more."""

    id: str
    state: JobState
    reason: str = ""


class Progress(Report, frozen=True):
    """How much of a running job's frames are done, 0..1."""

    id: str
    fraction: float


class FrameReport(Report, frozen=True):
    """One sampled frame: the frame knobs it was sampled with and when that began.

    ``revision`` is the knob revision in force (the session counts one up per
    change); ``started_ns`` is the engine's ``perf_counter_ns`` when it read the knobs.
    """

    job: str
    index: int
    total: int
    knobs: Mapping[str, float]
    revision: int
    started_ns: int


class ClipReady(Report, frozen=True):
    """A clip is complete in the folder. ``seconds`` is its length."""

    id: str
    job: str
    path: str
    bpm: float
    bars: int
    seed: int
    seconds: float


class EngineChanged(Report, frozen=True):
    """The engine process changed state; ``detail`` says which engine, or why it failed."""

    state: EngineState
    detail: str = ""


# --- sound, time and live play --------------------------------------------------------------------


class AudioReport(Report, frozen=True):
    """The audio interface: peak level of the last block (dBFS) and underruns so far."""

    peak_dbfs: float
    underruns: int


class AudioDevice(Report, frozen=True):
    """The interface came or went. ``rate`` in Hz and ``latency_ms`` are 0 unless it is open;
    ``detail`` says why it is not."""

    state: DeviceState
    name: str = ""
    rate: int = 0
    latency_ms: float = 0.0
    detail: str = ""


class Beat(Report, frozen=True):
    """A beat has begun. ``bar`` and ``beat`` count from 1, as musicians do; ``late_ms`` is how
    long ago that was when this was said."""

    bar: int
    beat: int
    bpm: float
    playing: bool
    late_ms: float = 0.0


class ClockChanged(Report, frozen=True):
    """Whom we are asked to follow (a Clock or ``auto``), who leads, and what it says.

    ``name`` is the leader's own: the MIDI port, or how many Link peers there are.
    """

    source: str
    leader: Clock
    name: str
    bpm: float
    playing: bool


class LiveChanged(Report, frozen=True):
    """Live play began or ended; ``reason`` says why it ended by itself."""

    on: bool
    reason: str = ""


class Heard(Report, frozen=True):
    """A knob's value is in what is heard now.

    ``milliseconds`` run from its arrival to its first sample at the interface, ``waited`` of them
    until the frame ``frame`` began that was the first to be sampled with it.
    """

    name: str
    value: float
    milliseconds: float
    waited: float
    frame: int


# --- the audition deck ----------------------------------------------------------------------------


class AuditionState(Report, frozen=True):
    """What is heard: ``beat`` of ``beats`` in clip ``clip``.

    ``in_tempo``: its loop is as long as the session's bars. Where it is not, it plays as it
    is: nothing is stretched.
    """

    clip: str
    playing: Playing
    beat: float
    beats: int
    loop: bool
    in_tempo: bool


class DeckChanged(Report, frozen=True):
    """The clip on the deck, the ``number``-th of ``count`` (from 1; 0 of 0 when there is none)."""

    clip: str
    number: int
    count: int
    tags: str = ""
    bpm: float = 0.0
    bars: int = 0
    seed: int = 0
    take: int = 0
    status: Status = Status.NEW
    favourite: bool = False
    writing: bool = False


class AuditionSettings(Report, frozen=True):
    """How the deck plays; ``quantise`` in beats (quarters), 0 for at once."""

    loop: bool = False
    follow: bool = True
    advance: bool = True
    quantise: int = 0
    gain_db: float = 0.0


class ClipJudged(Report, frozen=True):
    """A clip has another status or is (not) a favourite; ``path`` is where it is now."""

    id: str
    status: Status
    favourite: bool
    path: str


# --- what went well, and what did not -------------------------------------------------------------


class StatusReport(Report, frozen=True):
    """A summary for people and programs that just arrived."""

    engine: str
    state: EngineState
    running: str
    queued: int
    clips: int
    underruns: int


class ServiceChanged(Report, frozen=True):
    """A service (a thread of the daemon) fails, is well again, or is dead. ``faults`` counts
    what failed in it so far; ``detail`` is the last of it, in words."""

    name: str
    state: ServiceState
    faults: int
    detail: str = ""


class Notice(Report, frozen=True):
    """A sentence about a job: ``code`` for programs, ``text`` for people."""

    job: str
    code: str
    text: str


class Failed(Report, frozen=True):
    """Something sent to us, or a device, went wrong. ``address`` is where it came in."""

    address: str
    code: str
    text: str
