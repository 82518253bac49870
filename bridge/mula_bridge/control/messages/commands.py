"""Commands that sources send to the session. Frozen plain data.

A source decodes its wire format into a Command; nobody behind it knows the format.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from msgspec import Struct, field

from mula_bridge.control.knobs import KnobValue
from mula_bridge.control.messages.states import Prompt, Status

__all__ = [
    "AuditionAdvance",
    "AuditionCompare",
    "AuditionFollow",
    "AuditionGain",
    "AuditionLoop",
    "AuditionPlay",
    "AuditionQuantise",
    "AuditionStep",
    "AuditionStop",
    "Cancel",
    "Capture",
    "ChooseClock",
    "Command",
    "DeckCommand",
    "Favourite",
    "Generate",
    "JobCommand",
    "Judge",
    "LearnCommand",
    "LearnKnob",
    "Live",
    "LiveCommand",
    "LoadPreset",
    "MakeMore",
    "MorphPresets",
    "NudgeKnob",
    "Panic",
    "Quantised",
    "QueryDump",
    "QueryKnob",
    "QueryStatus",
    "RelativeCommand",
    "Render",
    "Reroll",
    "ResetKnob",
    "SavePreset",
    "SetKnob",
    "SetLyrics",
    "SetTags",
    "StartTransport",
    "SteeringCommand",
    "Stop",
    "StopLearning",
    "StopTransport",
    "TempoCommand",
    "ToggleTag",
    "UndoJudgement",
    "quantised",
]

# --- knobs and texts ------------------------------------------------------------------------------


class SetKnob(Struct, frozen=True):
    """Set a knob, in real units (``norm`` False) or by travel 0..1."""

    name: str
    value: KnobValue
    norm: bool = False


class NudgeKnob(Struct, frozen=True):
    """Move a knob by ``delta``, in real units or (``norm``) in travel."""

    name: str
    delta: float
    norm: bool = False


class ResetKnob(Struct, frozen=True):
    """Put a knob back to its default."""

    name: str


class QueryKnob(Struct, frozen=True):
    """Ask for a knob's effective value; answered to the sender only."""

    name: str
    norm: bool = False


class SetTags(Struct, frozen=True):
    """Replace the tags of a prompt; None asks for them."""

    tags: tuple[str, ...] | None
    prompt: Prompt = Prompt.A


class ToggleTag(Struct, frozen=True):
    """Switch one tag of prompt A on or off."""

    tag: str
    on: bool


class SetLyrics(Struct, frozen=True):
    """Replace the lyrics of the next clip; None asks for them."""

    text: str | None


# --- jobs and presets -----------------------------------------------------------------------------


class Generate(Struct, frozen=True):
    """Queue a job. ``id`` None: the daemon names it.

    ``overrides`` are knobs, and the texts (None: as they are set) of this job only.
    """

    id: str | None = None
    overrides: Mapping[str, KnobValue] = field(default_factory=lambda: MappingProxyType({}))
    tags: tuple[str, ...] | None = None
    tags_b: tuple[str, ...] | None = None
    lyrics: str | None = None


class Render(Struct, frozen=True):
    """Queue a job that makes the clip ``clip`` (its id) again, knob moves and all."""

    clip: str
    id: str | None = None


class Cancel(Struct, frozen=True):
    """Cancel one job, or (None) the running one."""

    id: str | None = None


class Stop(Struct, frozen=True):
    """Stop the sound; generation goes on."""


class Panic(Struct, frozen=True):
    """Silence at once, and cancel every job."""


class LoadPreset(Struct, frozen=True):
    """Turn every knob of a preset, by name or by its number from 1."""

    preset: str | int


class SavePreset(Struct, frozen=True):
    """Keep the steering knobs and the texts as a preset, by name or number."""

    preset: str | int


class MorphPresets(Struct, frozen=True):
    """Go ``at`` 0..1 of the way from one preset to another."""

    one: str | int
    other: str | int
    at: float


class LearnKnob(Struct, frozen=True):
    """Bind the next MIDI control that is touched to a knob."""

    name: str


class StopLearning(Struct, frozen=True):
    """Let MIDI controls move knobs again, without learning one."""


# --- time -----------------------------------------------------------------------------------------


class StartTransport(Struct, frozen=True):
    """Begin the song: its first bar begins now, or with Link at the session's next bar."""


class StopTransport(Struct, frozen=True):
    """End the song."""


class ChooseClock(Struct, frozen=True):
    """Follow one clock, or ``auto``; None asks for it."""

    source: str | None


class Quantised(Struct, frozen=True):
    """Obey ``command`` when the beat next is a multiple of ``beats`` quarters; 0: now."""

    command: Command
    beats: int


def quantised(command: Command, beats: int) -> Command:
    """The command, to be obeyed at a multiple of ``beats``; as it is for 0."""
    return Quantised(command, beats) if beats else command


# --- the audition deck ----------------------------------------------------------------------------


class AuditionPlay(Struct, frozen=True):
    """Play a clip by id, also one that is still being written; None: the one on the deck."""

    clip: str | None = None


class AuditionStop(Struct, frozen=True):
    """Stop playing; the clip stays on the deck."""


class AuditionStep(Struct, frozen=True):
    """Go to the next clip (1) or the one before (-1): through a job's takes, then to the job
    made before it."""

    by: int


class AuditionCompare(Struct, frozen=True):
    """A/B: go to the other clip of the pair at the same beat, both equally loud.

    The pair is the clip on the deck and ``clip``, or (None) the one heard before it.
    """

    clip: str | None = None


class AuditionLoop(Struct, frozen=True):
    """Play clips round and round; None asks."""

    on: bool | None


class AuditionFollow(Struct, frozen=True):
    """Go to the first take of each job as soon as it begins to be written; None asks."""

    on: bool | None


class AuditionAdvance(Struct, frozen=True):
    """Go on to the next clip after each keep and reject; None asks."""

    on: bool | None


class AuditionQuantise(Struct, frozen=True):
    """Begin clips on the next multiple of so many beats (quarters); 0 at once, None asks."""

    beats: int | None


class AuditionGain(Struct, frozen=True):
    """Loudness of the deck in dB, besides the gain of everything that is played; None asks."""

    decibels: float | None


class Judge(Struct, frozen=True):
    """Move a clip to the kept or the rejected ones, or back to the new; None: the one on deck."""

    status: Status
    clip: str | None = None


class Favourite(Struct, frozen=True):
    """Mark a clip as a favourite or not any more; ``clip`` None: the one on the deck."""

    on: bool
    clip: str | None = None


class UndoJudgement(Struct, frozen=True):
    """Take back the last keep, reject or favourite."""


class Reroll(Struct, frozen=True):
    """Queue a job like the one that made a clip, knob moves and all, with another seed."""

    clip: str | None = None
    id: str | None = None


class MakeMore(Struct, frozen=True):
    """Queue a job like the one that made a clip, with the seeds next to it that are free.

    ``takes`` None: as many as the knob says.
    """

    clip: str | None = None
    takes: int | None = None
    id: str | None = None


# --- live play, and questions ---------------------------------------------------------------------


class Live(Struct, frozen=True):
    """Play for ever through the audio interface, or end that; None: the one that is not now."""

    on: bool | None = None


class Capture(Struct, frozen=True):
    """Keep the last ``bars`` bars that were just heard as a clip; None: as many as knob ``bars``
    says."""

    bars: int | None = None


class QueryStatus(Struct, frozen=True):
    """Ask for a StatusReport."""


class QueryDump(Struct, frozen=True):
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
