"""Commands that sources send to the session, and reports that it sends back.

Frozen plain data. A source decodes its wire format into a Command; a listener
encodes a Report into its own. Neither side knows the other's format.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from time import perf_counter_ns
from types import MappingProxyType
from typing import Protocol

from mula_bridge.control.knobs import KnobValue
from mula_bridge.control.messages.audio import AudioDevice
from mula_bridge.control.messages.deck import DeckCommand, DeckReport
from mula_bridge.control.messages.live import Capture, Heard, Live, LiveChanged
from mula_bridge.control.messages.notice import Notice
from mula_bridge.control.messages.tempo import (
    Beat,
    ChooseClock,
    ClockChanged,
    Quantised,
    StartTransport,
    StopTransport,
)


@dataclass(frozen=True, slots=True)
class Origin:
    """Who sent a command: ``source`` ("osc", "midi", "cli", ...) and its own ``peer``.

    ``peer`` is whatever lets the source find the sender again (an address pair, a
    port name and controller number). ``received_ns`` is ``perf_counter_ns`` at
    arrival; it does not count when origins are compared.
    """

    source: str
    peer: Hashable = None
    address: str = field(default="", compare=False)
    """The OSC address or control name the command came in on, for error messages."""
    received_ns: int = field(default_factory=perf_counter_ns, compare=False)


DAEMON = Origin("daemon", received_ns=0)


# --- commands ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SetKnob:
    """Set a knob, in real units (``norm`` False) or by travel 0..1."""

    name: str
    value: KnobValue
    norm: bool = False


@dataclass(frozen=True, slots=True)
class NudgeKnob:
    """Move a knob by ``delta``, in real units or (``norm``) in travel."""

    name: str
    delta: float
    norm: bool = False


@dataclass(frozen=True, slots=True)
class ResetKnob:
    """Put a knob back to its default."""

    name: str


@dataclass(frozen=True, slots=True)
class QueryKnob:
    """Ask for a knob's effective value; answered to the sender only."""

    name: str
    norm: bool = False


class Prompt(StrEnum):
    """Which of the two prompts a text belongs to."""

    A = "a"
    B = "b"


@dataclass(frozen=True, slots=True)
class SetTags:
    """Replace the tags of a prompt; None asks for them."""

    tags: tuple[str, ...] | None
    prompt: Prompt = Prompt.A


@dataclass(frozen=True, slots=True)
class ToggleTag:
    """Switch one tag of prompt A on or off."""

    tag: str
    on: bool


@dataclass(frozen=True, slots=True)
class SetLyrics:
    """Replace the lyrics of the next clip; None asks for them."""

    text: str | None


@dataclass(frozen=True, slots=True)
class Generate:
    """Queue a job. ``id`` None: the daemon names it.

    ``overrides`` are knobs, and the texts (None: as they are set) of this job only.
    """

    id: str | None = None
    overrides: Mapping[str, KnobValue] = field(default_factory=lambda: MappingProxyType({}))
    tags: tuple[str, ...] | None = None
    tags_b: tuple[str, ...] | None = None
    lyrics: str | None = None


@dataclass(frozen=True, slots=True)
class Render:
    """Queue a job that makes the clip ``clip`` (its id) again, knob moves and all."""

    clip: str
    id: str | None = None


@dataclass(frozen=True, slots=True)
class Cancel:
    """Cancel one job, or (None) the running one."""

    id: str | None = None


@dataclass(frozen=True, slots=True)
class Stop:
    """Stop the sound; generation goes on."""


@dataclass(frozen=True, slots=True)
class Panic:
    """Silence at once, and cancel every job."""


@dataclass(frozen=True, slots=True)
class LoadPreset:
    """Turn every knob of a preset, by name or by its number from 1."""

    preset: str | int


@dataclass(frozen=True, slots=True)
class SavePreset:
    """Keep the steering knobs and the texts as a preset, by name or number."""

    preset: str | int


@dataclass(frozen=True, slots=True)
class MorphPresets:
    """Go ``at`` 0..1 of the way from one preset to another."""

    one: str | int
    other: str | int
    at: float


@dataclass(frozen=True, slots=True)
class LearnKnob:
    """Bind the next MIDI control that is touched to a knob."""

    name: str


@dataclass(frozen=True, slots=True)
class StopLearning:
    """Let MIDI controls move knobs again, without learning one."""


@dataclass(frozen=True, slots=True)
class QueryStatus:
    """Ask for a StatusReport."""


@dataclass(frozen=True, slots=True)
class QueryDump:
    """Ask for every knob and text, one report each."""


Command = (
    SetKnob
    | NudgeKnob
    | ResetKnob
    | QueryKnob
    | SetTags
    | ToggleTag
    | SetLyrics
    | Generate
    | Render
    | Cancel
    | Stop
    | Panic
    | LoadPreset
    | SavePreset
    | MorphPresets
    | LearnKnob
    | StopLearning
    | StartTransport
    | StopTransport
    | ChooseClock
    | Quantised
    | DeckCommand
    | QueryStatus
    | QueryDump
    | Live
    | Capture
)


# --- reports ----------------------------------------------------------------------------------


class JobState(StrEnum):
    """Where a job is; jobs.py holds the table of moves between them."""

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
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class KnobChanged:
    """A knob's effective value, in real units and as travel 0..1."""

    name: str
    value: KnobValue
    norm: float


@dataclass(frozen=True, slots=True)
class TagsChanged:
    """The tags of a prompt."""

    tags: tuple[str, ...]
    prompt: Prompt = Prompt.A


@dataclass(frozen=True, slots=True)
class LyricsChanged:
    """The lyrics of the next clip."""

    text: str


@dataclass(frozen=True, slots=True)
class PresetSaved:
    """A preset was kept under this name."""

    name: str


@dataclass(frozen=True, slots=True)
class PresetsChanged:
    """The presets there are, by name; they are numbered from 1 in this order."""

    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class KnobLearnt:
    """A MIDI control moves this knob from now on; ``source`` says which, in words."""

    name: str
    source: str


@dataclass(frozen=True, slots=True)
class JobChanged:
    """A job moved to another state; ``reason`` says why it failed or was cancelled."""

    id: str
    state: JobState
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Progress:
    """How much of a running job's frames are done, 0..1."""

    id: str
    fraction: float


@dataclass(frozen=True, slots=True)
class FrameReport:
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


@dataclass(frozen=True, slots=True)
class ClipReady:
    """A clip is complete in the folder. ``seconds`` is its length."""

    id: str
    job: str
    path: str
    bpm: float
    bars: int
    seed: int
    seconds: float


@dataclass(frozen=True, slots=True)
class EngineChanged:
    """The engine process changed state; ``detail`` says which engine, or why it failed."""

    state: EngineState
    detail: str = ""


@dataclass(frozen=True, slots=True)
class AudioReport:
    """The audio interface: peak level of the last block (dBFS) and underruns so far."""

    peak_dbfs: float
    underruns: int


@dataclass(frozen=True, slots=True)
class StatusReport:
    """A summary for people and programs that just arrived."""

    engine: str
    state: EngineState
    running: str
    queued: int
    clips: int
    underruns: int


@dataclass(frozen=True, slots=True)
class Failed:
    """Something sent to us, or a device, went wrong. ``address`` is where it came in."""

    address: str
    code: str
    text: str


Report = (
    KnobChanged
    | TagsChanged
    | LyricsChanged
    | PresetSaved
    | PresetsChanged
    | KnobLearnt
    | JobChanged
    | Progress
    | FrameReport
    | ClipReady
    | EngineChanged
    | AudioReport
    | Beat
    | ClockChanged
    | AudioDevice
    | LiveChanged
    | Heard
    | DeckReport
    | StatusReport
    | Notice
    | Failed
)


# --- seams ------------------------------------------------------------------------------------

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
