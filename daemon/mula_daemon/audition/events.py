"""What other threads post of takes and clips, for the deck to know."""

from __future__ import annotations

from msgspec import Struct

from mula_bridge.control.messages import Origin
from mula_bridge.errors import MulaError
from mula_daemon.audition.deck import Card, Judgement
from mula_daemon.clips import Recipe, Take


class TakeOpened(Struct, frozen=True):
    """A take begins."""

    take: Take


class TakeAudible(Struct, frozen=True):
    """The first sound of a take is there."""

    take: Take


class TakeGone(Struct, frozen=True):
    """A take was given up."""

    take: Take


class ClipComplete(Struct, frozen=True):
    """A clip is in the folder; posted before anybody is told, who might judge it."""

    recipe: Recipe


class ClipUnplayable(Struct, frozen=True):
    """A clip could not be played."""

    clip: str
    reason: str


class FolderRead(Struct, frozen=True):
    """The clips that were in the folder at the start, oldest first."""

    cards: tuple[Card, ...]


class FolderChanged(Struct, frozen=True):
    """Somebody else changed the folder: clips that are new or other ones now, oldest first, and
    the ids of those that are gone."""

    cards: tuple[Card, ...]
    gone: frozenset[str]


class Moved(Struct, frozen=True):
    """What ``origin`` asked for was done to a clip's files, which are so now."""

    recipe: Recipe
    path: str
    origin: Origin


class NotMoved(Struct, frozen=True):
    """What ``origin`` asked for could not be done to the files of a clip.

    ``now``: how the clip is all the same, None when it is not there any more. ``judged``: the
    judgement that this was, ``undone``: the one that was to be taken back.
    """

    clip: str
    now: Card | None
    origin: Origin
    error: MulaError
    judged: Judgement | None = None
    undone: Judgement | None = None


DeckEvent = (
    TakeOpened
    | TakeAudible
    | TakeGone
    | ClipComplete
    | ClipUnplayable
    | FolderRead
    | FolderChanged
    | Moved
    | NotMoved
)
