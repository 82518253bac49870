"""What other threads post of takes and clips, for the deck to know."""

from __future__ import annotations

from dataclasses import dataclass

from mula_bridge.control.messages import Origin
from mula_bridge.errors import MulaError
from mula_daemon.audition.deck import Card
from mula_daemon.clips import Recipe, Take


@dataclass(frozen=True, slots=True)
class TakeOpened:
    """A take begins."""

    take: Take


@dataclass(frozen=True, slots=True)
class TakeAudible:
    """The first sound of a take is there."""

    take: Take


@dataclass(frozen=True, slots=True)
class TakeGone:
    """A take was given up."""

    take: Take


@dataclass(frozen=True, slots=True)
class ClipComplete:
    """A clip is in the folder; posted before anybody is told, who might judge it."""

    recipe: Recipe


@dataclass(frozen=True, slots=True)
class ClipUnplayable:
    """A clip could not be played."""

    clip: str
    reason: str


@dataclass(frozen=True, slots=True)
class NotMoved:
    """What ``origin`` asked for could not be done to the files of the clip that was ``before``."""

    before: Card
    origin: Origin
    error: MulaError


DeckEvent = TakeOpened | TakeAudible | TakeGone | ClipComplete | ClipUnplayable | NotMoved
