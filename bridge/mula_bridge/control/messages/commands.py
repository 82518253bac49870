"""Commands that sources send to the session. Frozen plain data.

A source decodes its wire format into a Command; nobody behind it knows the format.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from mula_bridge.control.knobs import KnobValue
from mula_bridge.control.messages.states import Prompt, Status

# --- knobs and texts ------------------------------------------------------------------------------


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


# --- jobs and presets -----------------------------------------------------------------------------


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


# --- time -----------------------------------------------------------------------------------------


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


# --- the audition deck ----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class AuditionPlay:
    """Play a clip by id, also one that is still being written; None: the one on the deck."""

    clip: str | None = None


@dataclass(frozen=True, slots=True)
class AuditionStop:
    """Stop playing; the clip stays on the deck."""


@dataclass(frozen=True, slots=True)
class AuditionStep:
    """Go to the next clip (1) or the one before (-1): through a job's takes, then to the job
    made before it."""

    by: int


@dataclass(frozen=True, slots=True)
class AuditionCompare:
    """A/B: go to the other clip of the pair at the same beat, both equally loud.

    The pair is the clip on the deck and ``clip``, or (None) the one heard before it.
    """

    clip: str | None = None


@dataclass(frozen=True, slots=True)
class AuditionLoop:
    """Play clips round and round; None asks."""

    on: bool | None


@dataclass(frozen=True, slots=True)
class AuditionFollow:
    """Go to the first take of each job as soon as it begins to be written; None asks."""

    on: bool | None


@dataclass(frozen=True, slots=True)
class AuditionAdvance:
    """Go on to the next clip after each keep and reject; None asks."""

    on: bool | None


@dataclass(frozen=True, slots=True)
class AuditionQuantise:
    """Begin clips on the next multiple of so many beats (quarters); 0 at once, None asks."""

    beats: int | None


@dataclass(frozen=True, slots=True)
class AuditionGain:
    """Loudness of the deck in dB, besides the gain of everything that is played; None asks."""

    decibels: float | None


@dataclass(frozen=True, slots=True)
class Judge:
    """Move a clip to the kept or the rejected ones, or back to the new; None: the one on deck."""

    status: Status
    clip: str | None = None


@dataclass(frozen=True, slots=True)
class Favourite:
    """Mark a clip as a favourite or not any more; ``clip`` None: the one on the deck."""

    on: bool
    clip: str | None = None


@dataclass(frozen=True, slots=True)
class UndoJudgement:
    """Take back the last keep, reject or favourite."""


@dataclass(frozen=True, slots=True)
class Reroll:
    """Queue a job like the one that made a clip, knob moves and all, with another seed."""

    clip: str | None = None
    id: str | None = None


@dataclass(frozen=True, slots=True)
class MakeMore:
    """Queue a job like the one that made a clip, with the seeds next to it that are free.

    ``takes`` None: as many as the knob says.
    """

    clip: str | None = None
    takes: int | None = None
    id: str | None = None


# --- live play, and questions ---------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Live:
    """Play for ever through the audio interface, or end that; None: the one that is not now."""

    on: bool | None = None


@dataclass(frozen=True, slots=True)
class Capture:
    """Keep the last ``bars`` bars that were just heard as a clip; None: as many as knob ``bars``
    says."""

    bars: int | None = None


@dataclass(frozen=True, slots=True)
class QueryStatus:
    """Ask for a StatusReport."""


@dataclass(frozen=True, slots=True)
class QueryDump:
    """Ask for every knob and text, one report each."""


# --- the families, each obeyed in one place ---------------------------------------------------

SteeringCommand = (
    SetKnob
    | NudgeKnob
    | ResetKnob
    | QueryKnob
    | SetTags
    | ToggleTag
    | SetLyrics
    | LoadPreset
    | SavePreset
    | MorphPresets
)
JobCommand = Generate | Render | Cancel | QueryStatus
LearnCommand = LearnKnob | StopLearning
TempoCommand = StartTransport | StopTransport | ChooseClock | Quantised
DeckCommand = (
    AuditionPlay
    | AuditionStop
    | AuditionStep
    | AuditionCompare
    | AuditionLoop
    | AuditionFollow
    | AuditionAdvance
    | AuditionQuantise
    | AuditionGain
    | Judge
    | Favourite
    | UndoJudgement
)
RelativeCommand = Reroll | MakeMore
LiveCommand = Live | Capture
Command = (
    SteeringCommand
    | JobCommand
    | LearnCommand
    | TempoCommand
    | DeckCommand
    | RelativeCommand
    | LiveCommand
    | Stop
    | Panic
    | QueryDump
)
"""Stop, Panic and QueryDump are for all who obey anything."""
