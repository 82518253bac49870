"""The commands of the audition deck: what each does, and what everybody hears of it."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from time import perf_counter_ns
from typing import Final, assert_never, get_args

from msgspec.structs import replace

from mula_bridge.control import Errands, Publish
from mula_bridge.control.messages import (
    DAEMON,
    AuditionAdvance,
    AuditionCompare,
    AuditionFollow,
    AuditionGain,
    AuditionLoop,
    AuditionPlay,
    AuditionQuantise,
    AuditionSettings,
    AuditionState,
    AuditionStep,
    AuditionStop,
    ClipJudged,
    DeckCommand,
    Failed,
    Favourite,
    Judge,
    Origin,
    Panic,
    Playing,
    Status,
    Stop,
    UndoJudgement,
)
from mula_bridge.errors import MulaError, Unavailable, UnknownName
from mula_daemon.audition.deck import Card, Deck, Judgement
from mula_daemon.audition.events import (
    ClipComplete,
    ClipUnplayable,
    DeckEvent,
    FolderChanged,
    FolderRead,
    Moved,
    NotMoved,
    TakeAudible,
    TakeGone,
    TakeOpened,
)
from mula_daemon.audition.turntable import Start, Turntable
from mula_daemon.clips import Catalogue, Clip, Shelves, Survey
from mula_daemon.session import Handler

GAIN_DB: Final = (-60.0, 12.0)

_log = logging.getLogger(__name__)


class Audition(Handler[DeckCommand, DeckEvent]):
    """The deck's handler.

    Files are moved by ``files``, in the order of the commands, and looked after by ``survey``,
    where there is one. ``bpm`` tells the session's tempo, ``can_be_heard`` whether anybody
    could hear anything.
    """

    commands = get_args(DeckCommand)
    events = get_args(DeckEvent)

    def __init__(
        self,
        catalogue: Catalogue,
        turntable: Turntable,
        files: Errands,
        post: Callable[[object], None],
        publish: Publish,
        *,
        bpm: Callable[[], float],
        can_be_heard: Callable[[], bool] = lambda: True,
    ) -> None:
        here = () if catalogue.reading else catalogue.clips()
        self.deck = Deck((Card.of_recipe(clip.recipe) for clip in here), self._check)
        self._filled = not catalogue.reading
        self._catalogue = catalogue
        self._shelves = Shelves(catalogue.library)
        self._survey = Survey(catalogue, files, self._surveyed, post)
        self._watching = False
        self._turntable = turntable
        self._files = files
        self._post = post
        self._publish = publish
        self._bpm = bpm
        self._can_be_heard = can_be_heard
        self._told: AuditionState | None = None
        self._followed: str | None = None  # the take that came on by itself
        self._moves: Counter[str] = Counter()
        """How many moves of each clip are under way."""

    def survey(self) -> None:
        """Have the folder read, and looked after from then on."""
        self._watching = True
        self._survey.begin()

    # --- commands -----------------------------------------------------------------------------

    def handle(self, command: DeckCommand, origin: Origin) -> None:
        """Obey. Raises MulaError."""
        deck = self.deck
        match command:
            case AuditionPlay(clip):
                self._play(deck.put_on(clip))
            case AuditionStep(by):
                self._play(deck.step(by))
            case AuditionCompare(clip):
                self._play(deck.compare(clip), join=True)
            case AuditionStop():
                self._turntable.stop()
                self._tell()
            case AuditionLoop(on):
                self._set(origin, {} if on is None else {"loop": on})
            case AuditionFollow(on):
                self._set(origin, {} if on is None else {"follow": on})
            case AuditionAdvance(on):
                self._set(origin, {} if on is None else {"advance": on})
            case AuditionQuantise(beats):
                self._set(origin, {} if beats is None else {"quantise": beats})
            case AuditionGain(decibels):
                low, high = GAIN_DB
                asked = {} if decibels is None else {"gain_db": min(high, max(low, decibels))}
                self._set(origin, asked)
            case Judge(status, clip):
                self._judge(status, clip, origin)
            case Favourite(on, clip):
                before = deck.card(clip)
                judged = deck.favour(on, before.id)
                favour = partial(self._shelves.favour, before.id, on)
                self._carry_out(favour, before, origin, judged=judged)
                self._show()
            case UndoJudgement():
                self._undo(origin)
            case _:
                assert_never(command)

    def hear(self, event: DeckEvent) -> None:
        """Know of takes that are written, and of what became of clips."""
        match event:
            case TakeOpened(take):
                self._written(Card.of_take(take))
            case ClipComplete(recipe):
                self._written(Card.of_recipe(recipe))
            case TakeAudible(take):
                if take.take == 0:
                    self._follow(take.id)
            case TakeGone(take):
                self.deck.remove(take.id)
                self._show()
            case ClipUnplayable(clip, reason):
                self._publish(Failed("/mula/audition/play", "audition", f"clip {clip}: {reason}"))
            case FolderRead(cards):
                self._filled = True
                self.deck.fill(cards)
                self._show()
            case FolderChanged(cards, gone):
                self._changed(cards, gone)
            case Moved(recipe, path, origin):
                self._settled(recipe.id, Card.of_recipe(recipe))
                judged = ClipJudged(recipe.id, recipe.status, recipe.favourite, path)
                self._publish(judged, by=origin)
            case NotMoved():
                self._not_moved(event)
            case _:
                assert_never(event)

    def hush(self, command: Stop | Panic) -> None:
        """Stop what plays; the clip stays on the deck."""
        self._turntable.stop()

    def dump(self, origin: Origin) -> None:
        """Tell one origin what is on the deck, how it plays, and what is heard."""
        self._publish(self.deck.settings, to=origin)
        self._publish(self.deck.shown(), to=origin)
        self._publish(self._state(), to=origin)

    def tick(self) -> None:
        """Say what is heard, if that has changed, and see to the folder; a few times a second."""
        if self._watching:
            self._survey.look()
        self._tell()

    # --- inside -------------------------------------------------------------------------------

    def _play(self, card: Card, *, join: bool = False, behind: bool = False) -> None:
        settings = self.deck.settings
        self._turntable.play(
            Start(
                card.id,
                card.bpm,
                loop=settings.loop,
                gain_db=self.deck.gain_db(),
                quantum=0 if join else settings.quantise,
                join=join,
                behind=behind,
            )
        )
        self._show()
        self._tell()

    def _tell(self) -> None:
        state = self._state()
        if state != self._told:
            self._told = state
            self._publish(state)

    def _set(self, origin: Origin, asked: Mapping[str, object]) -> None:
        """Change settings, or (nothing asked) tell them to who wants to know."""
        settings: AuditionSettings = replace(self.deck.settings, **asked)
        if asked:
            self.deck.settings = settings
            self._turntable.set_loop(settings.loop)
            self._turntable.set_gain(self.deck.gain_db())
            self._publish(settings, by=origin)
        else:
            self._publish(settings, to=origin)

    def _judge(self, status: Status, clip: str | None, origin: Origin) -> None:
        deck = self.deck
        before = deck.card(clip)
        was_on = before.id == deck.current
        judged = deck.judge(status, before.id)
        put = partial(self._shelves.put, before.id, status)
        self._carry_out(put, before, origin, judged=judged)
        if was_on and status is not Status.NEW and deck.settings.advance:
            playing = self._playing()
            following = deck.advance()
            if playing and following is not None:
                self._play(following)
                return
        if status is Status.REJECTED and was_on:
            self._turntable.stop()
        self._show()
        self._tell()

    def _undo(self, origin: Origin) -> None:
        undone, now, again = self.deck.undo()
        if undone.status is not None:
            back = partial(self._shelves.put, again.id, again.status)
        else:
            back = partial(self._shelves.favour, again.id, again.favourite)
        self._carry_out(back, now, origin, undone=undone)
        if self._playing() and self.deck.current == again.id:
            self._play(again)
        else:
            self._show()

    def _playing(self) -> bool:
        return self._turntable.state(perf_counter_ns())[0] is not Playing.STOPPED

    def _carry_out(
        self,
        act: Callable[[], Clip],
        before: Card,
        origin: Origin,
        *,
        judged: Judgement | None = None,
        undone: Judgement | None = None,
    ) -> None:
        """Have the files moved, and hear of it. ``judged`` is forgotten, and ``undone`` recalled,
        where that fails."""
        clip_id = before.id

        def move() -> None:
            try:
                clip = act()
            except Exception as error:  # whatever it is, the word has to be taken back
                if not isinstance(error, MulaError):
                    _log.exception("clip %s could not be moved", clip_id)
                now = self._as_it_is(before)
                self._post(NotMoved(clip_id, now, origin, _told(error), judged, undone))
            else:
                self._catalogue.put(clip)
                self._post(Moved(clip.recipe, str(clip.path), origin))

        try:
            self._files.do(move)
        except MulaError:  # too much waits for the disk
            self._take_back(judged, undone)
            self.deck.add(before)
            self._show()
            raise
        self._moves[clip_id] += 1

    def _take_back(self, judged: Judgement | None, undone: Judgement | None) -> None:
        """A word that could not be carried out."""
        if judged is not None:
            self.deck.forget(judged)
        if undone is not None:
            self.deck.recall(undone)

    def _as_it_is(self, before: Card) -> Card | None:
        """The clip as the disk has it; the worker's thread."""
        try:
            clip = self._catalogue.library.find(before.id)
        except UnknownName:
            self._catalogue.drop((before.id,))
            return None
        except Exception:  # the disk is not there to ask
            known = self._catalogue.get(before.id)
            return before if known is None else Card.of_recipe(known.recipe)
        self._catalogue.put(clip)
        return Card.of_recipe(clip.recipe)

    def _not_moved(self, event: NotMoved) -> None:
        self._take_back(event.judged, event.undone)
        self._settled(event.clip, event.now)
        origin, error = event.origin, event.error
        failed = Failed(origin.address, error.code, str(error))
        self._publish(failed, to=None if origin == DAEMON else origin)
        self._show()

    def _settled(self, clip: str, now: Card | None) -> None:
        """Show a clip as its files are, once the last of its moves has come to its end."""
        self._moves[clip] -= 1
        if self._moves[clip] > 0:
            return
        del self._moves[clip]
        if now is None:
            self._gone(clip)
        elif self.deck.has(clip):
            self.deck.add(now)

    def _gone(self, *clips: str) -> None:
        """These are not in the folder any more: the one that is on falls silent, because another
        one takes its place on the deck."""
        on = self.deck.current
        self.deck.remove(*clips)
        if on in clips:
            self._turntable.stop()

    def _check(self) -> None:
        if not self._filled:
            raise self._catalogue.still_reading()

    def _surveyed(self, clips: Sequence[Clip], gone: frozenset[str]) -> None:
        """The worker's thread: cards of many clips take longer than the session may."""
        cards = tuple(Card.of_recipe(clip.recipe) for clip in clips)
        if self._filled or gone:
            self._post(FolderChanged(cards, gone))
        else:
            self._post(FolderRead(cards))

    def _changed(self, cards: tuple[Card, ...], gone: frozenset[str]) -> None:
        self._gone(*gone)
        for card in cards:
            if not self._moves[card.id]:
                self.deck.add(card)
        self._turntable.set_gain(self.deck.gain_db())
        self._show()

    def _written(self, card: Card) -> None:
        self.deck.add(card)
        self._turntable.set_gain(self.deck.gain_db())
        self._show()

    def _follow(self, clip: str) -> None:
        deck = self.deck
        if not (deck.settings.follow and self._can_be_heard()):
            return
        # Takes of queued jobs are heard one after another, each to its end.
        behind = self._followed == deck.current and self._playing()
        once = not (deck.settings.loop or deck.settings.quantise)
        self._play(deck.put_on(clip), behind=behind and once)
        self._followed = clip

    def _show(self) -> None:
        self._publish(self.deck.shown())

    def _state(self) -> AuditionState:
        deck = self.deck
        playing, beat = self._turntable.state(perf_counter_ns())
        card = deck.card() if deck.current is not None else None
        return AuditionState(
            clip=card.id if card is not None else "",
            playing=playing,
            beat=beat,
            beats=card.beats if card is not None else 0,
            loop=deck.settings.loop,
            in_tempo=deck.in_tempo(self._bpm()),
        )


def _told(error: Exception) -> MulaError:
    """What a user is told of it."""
    if isinstance(error, MulaError):
        return error
    return Unavailable(f"the clip's files could not be moved ({error!r}); see the daemon's log")
