"""What lies on the deck, and what each button does to it."""

from __future__ import annotations

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from msgspec.structs import replace

from mula_bridge.control.messages.reports import DeckChanged
from mula_bridge.control.messages.states import Status
from mula_bridge.errors import BadInput, UnknownName
from mula_daemon.audition.deck import Card, Deck


def card(clip: str, job: str = "job1", take: int = 0, **fields: object) -> Card:
    return Card(clip, job, take, ("techno",), 7, 120.0, 4, 16, **fields)  # type: ignore[arg-type]


def three_jobs() -> Deck:
    """Oldest job first: a; b0 b1 b2; c."""
    return Deck(
        [
            card("a", "job1"),
            card("b0", "job2", 0),
            card("b1", "job2", 1),
            card("b2", "job2", 2),
            card("c", "job1"),  # of another run of the daemon
        ]
    )


def test_the_newest_job_comes_first_and_its_takes_in_order() -> None:
    assert three_jobs().order == ["c", "b0", "b1", "b2", "a"]


def test_an_empty_deck_says_so_and_has_nothing_to_do() -> None:
    deck = Deck()
    assert deck.shown() == DeckChanged("", 0, 0)
    for act in (deck.put_on, deck.compare, deck.undo, lambda: deck.step(1)):
        with pytest.raises(BadInput):
            act()


def test_it_steps_through_takes_and_then_jobs_and_stays_at_the_ends() -> None:
    deck = three_jobs()
    deck.put_on("c")
    assert [deck.step(1).id for _ in range(5)] == ["b0", "b1", "b2", "a", "a"]
    assert [deck.step(-1).id for _ in range(5)] == ["b2", "b1", "b0", "c", "c"]


def test_an_unknown_clip_is_answered_with_the_nearest() -> None:
    with pytest.raises(UnknownName, match="did you mean b1"):
        three_jobs().put_on("b11")


def test_it_shows_what_is_on() -> None:
    deck = three_jobs()
    deck.put_on("b1")
    assert deck.shown() == DeckChanged("b1", 3, 5, tags="techno", bpm=120.0, bars=4, seed=7, take=1)
    deck.favour(True)
    deck.judge(Status.KEPT)
    shown = deck.shown()
    assert (shown.favourite, shown.status) == (True, Status.KEPT)


# --- A/B --------------------------------------------------------------------------------------


def test_a_pair_is_what_was_on_before_and_goes_back_and_forth() -> None:
    deck = three_jobs()
    deck.put_on("a")
    deck.put_on("b1")
    assert [deck.compare().id for _ in range(3)] == ["a", "b1", "a"]
    assert deck.compare("c").id == "c"
    assert deck.compare().id == "a"


def test_nothing_is_compared_with_itself() -> None:
    deck = three_jobs()
    deck.put_on("c")
    with pytest.raises(BadInput, match="play another clip first"):
        deck.compare()
    with pytest.raises(BadInput, match="play another clip first"):
        deck.compare("c")


@pytest.mark.parametrize(
    ("loud", "soft", "down"), [(-10.0, -16.0, -6.0), (-16.0, -10.0, 0.0), (None, -10.0, 0.0)]
)
def test_a_pair_is_as_loud_as_its_softer_one_and_never_turned_up(
    loud: float | None, soft: float, down: float
) -> None:
    deck = Deck([card("a", loudness_lufs=loud), card("b", loudness_lufs=soft)])
    deck.put_on("a")
    deck.compare("b")
    assert deck.gain_db() == (0.0 if loud is None else min(0.0, loud - soft))
    deck.compare()
    assert deck.current == "a" and deck.gain_db() == down
    deck.put_on("a")
    assert deck.gain_db() == 0.0
    deck.settings = replace(deck.settings, gain_db=-3.0)
    assert deck.gain_db() == -3.0


@pytest.mark.parametrize(("bpm", "same"), [(120.0, True), (120.004, True), (120.1, False)])
def test_a_clip_is_in_tempo_when_its_loop_is_as_long_as_the_sessions_bars(
    bpm: float, same: bool
) -> None:
    assert three_jobs().in_tempo(bpm) is same
    assert not Deck().in_tempo(bpm)


# --- judging ----------------------------------------------------------------------------------


def test_a_rejected_clip_is_left_out_and_the_next_take_comes_on() -> None:
    deck = three_jobs()
    deck.put_on("b1")
    deck.judge(Status.REJECTED)
    assert deck.order == ["c", "b0", "b2", "a"]
    following = deck.advance()
    assert following is not None and following.id == "b2"


def test_after_the_last_one_the_deck_goes_back_to_what_is_left() -> None:
    deck = three_jobs()
    deck.put_on("a")
    deck.judge(Status.REJECTED)
    following = deck.advance()
    assert following is not None and following.id == "b2"
    only = Deck([card("x")])
    only.judge(Status.REJECTED)
    assert only.advance() is None


def test_a_kept_clip_stays_and_the_next_one_comes_on() -> None:
    deck = three_jobs()
    deck.put_on("b2")
    deck.judge(Status.KEPT)
    following = deck.advance()
    assert following is not None and following.id == "a"
    deck.judge(Status.KEPT)
    assert deck.advance() is None  # there is nothing after it
    assert deck.current == "a"


def test_what_is_being_written_cannot_be_judged_yet() -> None:
    deck = Deck([card("a", writing=True)])
    with pytest.raises(BadInput, match="still being written"):
        deck.judge(Status.KEPT)
    with pytest.raises(BadInput, match="still being written"):
        deck.favour(True)


def test_undo_takes_back_one_judgement_after_the_other_and_puts_the_clip_on() -> None:
    deck = three_jobs()
    deck.put_on("b1")
    deck.favour(True)
    deck.judge(Status.REJECTED)
    deck.advance()
    deck.judge(Status.KEPT)
    assert deck.undo()[2] == card("b2", "job2", 2)
    _, now, again = deck.undo()
    assert (now.status, again.status, again.favourite) == (Status.REJECTED, Status.NEW, True)
    assert deck.current == "b1"
    assert not deck.undo()[2].favourite
    with pytest.raises(BadInput, match="to take back"):
        deck.undo()


def test_a_judgement_that_changes_nothing_is_none() -> None:
    deck = three_jobs()
    deck.judge(Status.NEW)
    with pytest.raises(BadInput):
        deck.undo()


def test_a_judgement_that_failed_is_forgotten_and_no_other() -> None:
    deck = three_jobs()
    judged = [deck.judge(status, "a") for status in (Status.KEPT, Status.REJECTED)]
    kept, rejected = judged
    assert kept is not None and rejected is not None
    deck.forget(rejected)
    deck.add(replace(deck.card("a"), status=Status.KEPT))
    assert deck.undo()[0] is kept
    deck.forget(kept)  # it was taken back meanwhile
    with pytest.raises(BadInput):
        deck.undo()


def test_undo_changes_what_the_judgement_was_about_and_nothing_else() -> None:
    """The favourite was of a clip that was thought to be kept; the keep then failed."""
    deck = three_jobs()
    kept = deck.judge(Status.KEPT, "a")
    deck.favour(True, "a")
    assert kept is not None
    deck.forget(kept)
    deck.add(replace(deck.card("a"), status=Status.NEW))
    _, _, again = deck.undo()
    assert (again.status, again.favourite) == (Status.NEW, False)


def test_a_judgement_that_could_not_be_taken_back_is_the_next_that_can_be() -> None:
    deck = three_jobs()
    deck.judge(Status.KEPT, "a")
    undone, now, _ = deck.undo()
    deck.recall(undone)
    deck.add(now)
    assert deck.undo()[0] is undone


def test_the_takes_of_a_running_job_join_it_one_by_one() -> None:
    deck = three_jobs()
    for take in range(3):
        deck.add(card(f"d{take}", "job3", take, writing=True))
    assert deck.order[:4] == ["d0", "d1", "d2", "c"]
    deck.add(card("d0", "job3", 0))
    assert not deck.card("d0").writing
    deck.put_on("d1")
    deck.remove("d1")
    assert deck.current == "d2"
    assert "d1" not in deck.order


def test_seeds_of_the_same_prompt_are_known() -> None:
    deck = Deck([card("a"), replace(card("b"), seed=8), replace(card("c"), tags=("jazz",), seed=9)])
    assert deck.seeds_like(deck.card("a")) == {7, 8}


IDS = [f"c{number}" for number in range(6)]


class DeckMachine(RuleBasedStateMachine):
    """Whatever is pressed: the deck never loses its place, and undo finds the way back."""

    @initialize(judged=st.lists(st.sampled_from(Status), min_size=6, max_size=6))
    def begin(self, judged: list[Status]) -> None:
        cards = [
            card(clip, f"job{number // 2}", number % 2, status=status)
            for number, (clip, status) in enumerate(zip(IDS, judged, strict=True))
        ]
        self.deck = Deck(cards)
        self.first = {one.id: one for one in cards}

    @rule(clip=st.sampled_from(IDS))
    def play(self, clip: str) -> None:
        assert self.deck.put_on(clip).id == self.deck.current == clip

    @precondition(lambda self: self.deck.current and self.deck.order)
    @rule(by=st.sampled_from([-1, 1]))
    def step(self, by: int) -> None:
        before, order = self.deck.current, self.deck.order
        here = self.deck.step(by).id
        assert here in order
        if before in order:
            assert abs(order.index(here) - order.index(before)) <= 1

    @precondition(lambda self: self.deck.current)
    @rule(status=st.sampled_from(Status), advance=st.booleans())
    def judge(self, status: Status, advance: bool) -> None:
        clip = self.deck.card().id
        self.deck.judge(status)
        assert (clip in self.deck.order) is (status is not Status.REJECTED)
        if advance:
            self.deck.advance()

    @precondition(lambda self: self.deck.current)
    @rule(on=st.booleans())
    def favour(self, on: bool) -> None:
        self.deck.favour(on)
        assert self.deck.card().favourite is on

    @rule()
    def undo(self) -> None:
        try:
            _, _, again = self.deck.undo()
        except BadInput:
            assert {clip: self.deck.card(clip) for clip in IDS} == self.first
        else:
            assert again.status is Status.REJECTED or self.deck.current == again.id

    @precondition(lambda self: self.deck.current and self.deck.other)
    @rule()
    def compare(self) -> None:
        one, other = self.deck.current, self.deck.other
        if one != other:
            assert self.deck.compare().id == other
            assert self.deck.other == one

    @invariant()
    def every_clip_is_there_once(self) -> None:
        if hasattr(self, "deck"):
            order = self.deck.order
            assert len(order) == len(set(order))
            on = {clip for clip in IDS if self.deck.card(clip).status is not Status.REJECTED}
            assert set(order) == on
            shown = self.deck.shown()
            assert shown.count == len(order)
            assert shown.number == (order.index(shown.clip) + 1 if shown.clip in order else 0)


TestDeckMachine = DeckMachine.TestCase
TestDeckMachine.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)
