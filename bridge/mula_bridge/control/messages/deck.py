"""Commands to the audition deck, and what it reports. Frozen plain data, as in messages.py."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


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


# --- commands ---------------------------------------------------------------------------------


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


# --- reports ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class AuditionState:
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


@dataclass(frozen=True, slots=True)
class DeckChanged:
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


@dataclass(frozen=True, slots=True)
class AuditionSettings:
    """How the deck plays; ``quantise`` in beats (quarters), 0 for at once."""

    loop: bool = False
    follow: bool = True
    advance: bool = True
    quantise: int = 0
    gain_db: float = 0.0


@dataclass(frozen=True, slots=True)
class ClipJudged:
    """A clip has another status or is (not) a favourite; ``path`` is where it is now."""

    id: str
    status: Status
    favourite: bool
    path: str


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
    | Reroll
    | MakeMore
)
DeckReport = AuditionState | DeckChanged | AuditionSettings | ClipJudged
