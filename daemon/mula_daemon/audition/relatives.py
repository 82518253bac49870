"""More of what was liked: jobs made from a clip's recipe, with other seeds."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Collection
from dataclasses import replace
from itertools import count
from typing import Final, Never, assert_never, get_args

from mula_bridge.control import KNOBS
from mula_bridge.control.messages import MakeMore, Origin, RelativeCommand, Reroll
from mula_bridge.errors import BadInput
from mula_daemon.audition.deck import Card, Deck
from mula_daemon.clips import Catalogue, replay_request
from mula_daemon.jobs import MAX_SEED, Job, Jobs
from mula_daemon.session import Handler

MOST_TAKES: Final = int(KNOBS["takes"].maximum)


class Relatives(Handler[RelativeCommand, Never]):
    """``reroll`` and ``more``.

    Their jobs replay the clip's knobs, moves and all: only the seeds differ. ``takes`` is
    how many takes the knob asks for.
    """

    commands = get_args(RelativeCommand)

    def __init__(
        self,
        deck: Deck,
        catalogue: Catalogue,
        jobs: Jobs,
        takes: Callable[[], int],
    ) -> None:
        self._deck = deck
        self._catalogue = catalogue
        self._jobs = jobs
        self._takes = takes

    def handle(self, command: RelativeCommand, origin: Origin) -> None:
        """Queue a relative. Raises MulaError."""
        match command:
            case Reroll(clip, job):
                card = self._complete(clip)
                seeds: tuple[int, ...] = (secrets.randbelow(MAX_SEED),)
            case MakeMore(clip, takes, job):
                card = self._complete(clip)
                wanted = self._takes() if takes is None else takes
                if not 1 <= wanted <= MOST_TAKES:
                    raise BadInput(f"takes: 1 to {MOST_TAKES}, not {wanted}")
                seeds = neighbours(card.seed, wanted, self._deck.seeds_like(card))
            case _:
                assert_never(command)
        recipe = self._catalogue.find(card.id).recipe
        request = replace(replay_request(recipe, self._jobs.job_id(job)), seeds=seeds)
        self._jobs.queue(Job(request, dict(recipe.knobs.initial)), origin)

    def _complete(self, clip: str | None) -> Card:
        card = self._deck.card(clip)
        if card.writing:
            raise BadInput(f"clip {card.id} is still being written; wait until it is complete")
        return card


def neighbours(seed: int, wanted: int, taken: Collection[int]) -> tuple[int, ...]:
    """The ``wanted`` seeds nearest to ``seed`` that are not ``taken``: one up, one down, two up...

    The clip's own seed is never among them: it would give the same clip again.
    """
    found: list[int] = []
    for distance in count(1):
        for near in ((seed + distance) % MAX_SEED, (seed - distance) % MAX_SEED):
            if near not in taken and near != seed and near not in found:
                found.append(near)
                if len(found) == wanted:
                    return tuple(found)
    raise AssertionError("seeds do not run out")
