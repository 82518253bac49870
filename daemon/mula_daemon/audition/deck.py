"""What lies on the audition deck, and what each button does to it. Pure; one thread."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from contextlib import suppress
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from mula_bridge.control.messages import AuditionSettings, DeckChanged, Status
from mula_bridge.errors import BadInput, UnknownName
from mula_daemon.clips import Recipe, Take
from mula_daemon.engine import ClipRequest

MOST_UNDOS: Final = 200
TEMPO_TOLERANCE: Final = 0.005
"""BPM; a loop of four bars at 120 BPM is then off by a third of a millisecond at most."""


class Card(Struct, frozen=True):
    """One clip as the deck knows it; ``writing``: it is not complete yet."""

    id: str
    job: str
    take: int
    tags: tuple[str, ...]
    seed: int
    bpm: float
    bars: int
    beats: int
    loudness_lufs: float | None = None
    status: Status = Status.NEW
    favourite: bool = False
    writing: bool = False

    @classmethod
    def of_recipe(cls, recipe: Recipe) -> Card:
        """The card of a clip in the folder."""
        beats_per_bar = recipe.meter.partition("/")[0]
        return cls(
            id=recipe.id,
            job=recipe.job,
            take=recipe.take,
            tags=recipe.tags,
            seed=recipe.seed,
            bpm=recipe.bpm,
            bars=recipe.bars,
            beats=recipe.bars * int(beats_per_bar if beats_per_bar.isdecimal() else 4),
            loudness_lufs=recipe.loudness_lufs,
            status=recipe.status,
            favourite=recipe.favourite,
        )

    @classmethod
    def of_take(cls, take: Take) -> Card:
        """The card of a take that begins to be written."""
        request: ClipRequest = take.request
        return cls(
            id=take.id,
            job=request.job,
            take=take.take,
            tags=request.tags,
            seed=take.seed,
            bpm=request.bpm,
            bars=request.bars,
            beats=request.beats,
            writing=True,
        )


class Judgement(Struct, frozen=True, eq=False):
    """A keep, reject or favourite, as what takes it back; two that look alike are two.

    ``status``, ``favourite``: what that was before; None: the judgement was not about it.
    """

    clip: str
    status: Status | None = None
    favourite: bool | None = None

    def undone(self, card: Card) -> Card:
        """The clip as it was in that respect."""
        return replace(
            card,
            status=card.status if self.status is None else self.status,
            favourite=card.favourite if self.favourite is None else self.favourite,
        )


class Deck:
    """Clips in the order they are stepped through, and the one that is on.

    The newest job comes first, and its takes in their order. Rejected clips are left out.
    """

    def __init__(
        self, cards: Iterable[Card] = (), check: Callable[[], None] = lambda: None
    ) -> None:
        """``cards``, oldest first: those in the folder at the start. ``check`` raises the reason
        for which a clip may not be here yet, though there is one."""
        self.settings = AuditionSettings()
        self.current: str | None = None
        """The clip on the deck."""
        self.other: str | None = None
        """The other one of the pair that A/B switches between: the one before it."""
        self.comparing = False
        """Whether the pair is heard equally loud."""
        self._cards: dict[str, Card] = {}
        self._jobs: list[list[str]] = []  # newest first, takes in order
        self._undo: list[Judgement] = []
        self._check = check
        self.fill(cards)

    # --- clips --------------------------------------------------------------------------------

    def add(self, card: Card) -> None:
        """A clip that is new or has changed."""
        if card.id not in self._cards:
            newest = self._jobs[0] if self._jobs else []
            if self._goes_on(newest, card):
                newest.append(card.id)
            else:
                self._jobs.insert(0, [card.id])
        self._cards[card.id] = card
        if self.current is None:
            self.current = card.id if card.status is not Status.REJECTED else None

    def fill(self, cards: Iterable[Card]) -> None:
        """Put clips that were there before, oldest first, below those that are here."""
        newer, self._jobs = self._jobs, []
        for card in cards:
            if card.id not in self._cards:
                self._append(card)
        self._jobs = [*newer, *reversed(self._jobs)]
        if self.current is None:
            self.current = next(iter(self.order), None)

    def remove(self, *clips: str) -> None:
        """Clips that will never be complete, or are gone."""
        gone = self._cards.keys() & set(clips)
        if not gone:
            return
        if self.current in gone:
            self.current = self._beside(self.current, gone)
        if self.other in gone:
            self.other = None
        for clip in gone:
            del self._cards[clip]
        left = ([clip for clip in takes if clip not in gone] for takes in self._jobs)
        self._jobs = [takes for takes in left if takes]

    def has(self, clip: str) -> bool:
        """Whether that clip is here."""
        return clip in self._cards

    def card(self, clip: str | None = None) -> Card:
        """A clip by id, or (None) the one on the deck. Raises UnknownName and BadInput."""
        clip = clip or self.current
        if clip is not None and clip in self._cards:
            return self._cards[clip]
        self._check()
        if clip is None:
            raise BadInput("there is no clip on the deck; generate one first")
        raise UnknownName("clip", clip, self._cards)

    def seeds_like(self, card: Card) -> set[int]:
        """The seeds of all clips with the prompt, tempo and length of ``card``."""
        same = (card.tags, card.bpm, card.bars)
        return {one.seed for one in self._cards.values() if (one.tags, one.bpm, one.bars) == same}

    @property
    def order(self) -> list[str]:
        """The ids that ``step`` goes through."""
        return [clip for takes in self._jobs for clip in takes if self._is_on(clip)]

    # --- what is on ---------------------------------------------------------------------------

    def put_on(self, clip: str | None = None) -> Card:
        """Put a clip on the deck; None: what is on. Raises UnknownName and BadInput."""
        card = self.card(clip)
        if card.id != self.current:
            self.other, self.current = self.current, card.id
        self.comparing = False
        return card

    def step(self, by: int) -> Card:
        """Put on the clip so many places further; at the ends it stays. Raises BadInput."""
        here = self.card().id
        order = self.order
        if here not in order:  # it was rejected while it was on
            return self.put_on(self._beside(here))
        place = order.index(here) + by
        return self.put_on(order[max(0, min(len(order) - 1, place))])

    def compare(self, clip: str | None = None) -> Card:
        """Put on the other clip of the pair. Raises UnknownName and BadInput."""
        here = self.card().id
        there = clip or self.other
        if there is None or there == here:
            self._check()
            raise BadInput("there is nothing to compare with; play another clip first")
        card = self.put_on(there)
        self.comparing = True
        return card

    def gain_db(self) -> float:
        """What the clip on the deck is turned up or down by: the deck's gain, and while a pair
        is compared, down to the softer one's loudness."""
        gain = self.settings.gain_db
        pair = [self._cards.get(clip or "") for clip in (self.current, self.other)]
        levels = [card.loudness_lufs for card in pair if card is not None]
        if self.comparing and len(levels) == 2 and levels[0] is not None and levels[1] is not None:
            return gain + min(0.0, levels[1] - levels[0])
        return gain

    def in_tempo(self, bpm: float) -> bool:
        """Whether the clip on the deck has that tempo, so that its loop follows the session."""
        card = self._cards.get(self.current or "")
        return card is not None and abs(card.bpm - bpm) < TEMPO_TOLERANCE

    def shown(self) -> DeckChanged:
        """The clip on the deck, as it is reported."""
        order = self.order
        card = self._cards.get(self.current or "")
        if card is None:
            return DeckChanged("", 0, len(order))
        return DeckChanged(
            clip=card.id,
            number=order.index(card.id) + 1 if card.id in order else 0,
            count=len(order),
            tags=", ".join(card.tags),
            bpm=card.bpm,
            bars=card.bars,
            seed=card.seed,
            take=card.take,
            status=card.status,
            favourite=card.favourite,
            writing=card.writing,
        )

    # --- keeping and rejecting ----------------------------------------------------------------

    def judge(self, status: Status, clip: str | None = None) -> Judgement | None:
        """Note that a clip (None: the one on the deck) is kept, rejected or new again.

        Returns what can be taken back, if anything has changed. Raises UnknownName, and BadInput
        while the clip is being written.
        """
        card = self._judged(clip)
        changed = replace(card, status=status)
        return self._change(changed, Judgement(card.id, status=card.status))

    def favour(self, on: bool, clip: str | None = None) -> Judgement | None:
        """Note that a clip is a favourite, or not any more; otherwise as ``judge``."""
        card = self._judged(clip)
        changed = replace(card, favourite=on)
        return self._change(changed, Judgement(card.id, favourite=card.favourite))

    def undo(self) -> tuple[Judgement, Card, Card]:
        """Take back the last judgement: it, how the clip was until now, and how it is again.

        It is put on the deck. Raises BadInput when there is nothing to take back.
        """
        while self._undo:
            judgement = self._undo.pop()
            now = self._cards.get(judgement.clip)
            if now is not None:
                again = judgement.undone(now)
                self._cards[again.id] = again
                if again.status is not Status.REJECTED:
                    self.put_on(again.id)
                return judgement, now, again
        raise BadInput("there is no keep, reject or favourite to take back")

    def forget(self, judgement: Judgement) -> None:
        """This one could not be carried out, and cannot be taken back."""
        with suppress(ValueError):  # it was taken back meanwhile, or is too old
            self._undo.remove(judgement)

    def recall(self, judgement: Judgement) -> None:
        """This one could not be taken back; it is the next that can be."""
        self._remember(judgement)

    def advance(self) -> Card | None:
        """Put on the clip after the one that was judged; None when there is no other."""
        here, order = self.current, self.order
        if here is None or order[-1:] == [here]:
            return None
        beside = self._beside(here)
        return self.put_on(beside) if beside is not None else None

    def _judged(self, clip: str | None) -> Card:
        card = self.card(clip)
        if card.writing:
            raise BadInput(f"clip {card.id} is still being written; judge it when it is complete")
        return card

    def _change(self, card: Card, judgement: Judgement) -> Judgement | None:
        if card == self._cards[card.id]:
            return None
        self._cards[card.id] = card
        self._remember(judgement)
        return judgement

    def _remember(self, judgement: Judgement) -> None:
        self._undo = [*self._undo[-MOST_UNDOS + 1 :], judgement]

    def _is_on(self, clip: str) -> bool:
        return self._cards[clip].status is not Status.REJECTED

    def _append(self, card: Card) -> None:
        """While ``_jobs`` has the oldest first: a clip after all of them."""
        newest = self._jobs[-1] if self._jobs else []
        if self._goes_on(newest, card):
            newest.append(card.id)
        else:
            self._jobs.append([card.id])
        self._cards[card.id] = card

    def _goes_on(self, takes: list[str], card: Card) -> bool:
        """Whether it is the next take of the same job."""
        last = self._cards[takes[-1]] if takes else None
        return last is not None and last.job == card.job and last.take < card.take

    def _beside(self, clip: str, gone: Collection[str] = ()) -> str | None:
        """The nearest clip after ``clip`` that can be stepped to, else the nearest before."""
        every = [one for takes in self._jobs for one in takes]
        place = every.index(clip)
        for one in (*every[place + 1 :], *reversed(every[:place])):
            if self._is_on(one) and one not in gone:
                return one
        return None
