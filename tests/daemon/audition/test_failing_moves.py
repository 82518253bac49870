"""The deck and a disk that fails or changes by itself: what it shows is what lies there."""

from __future__ import annotations

import errno
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from time import perf_counter

import pytest

from mula_bridge.control.messages.commands import AuditionPlay, Favourite, Judge, UndoJudgement
from mula_bridge.control.messages.reports import AuditionState, ClipJudged, DeckChanged, Failed
from mula_bridge.control.messages.states import Playing, Status
from mula_bridge.errors import Busy, UnknownName
from mula_daemon.audition.deck import Card, Deck
from mula_daemon.audition.events import ClipComplete
from mula_daemon.clips import moves, shelves
from mula_daemon.clips.catalogue import Catalogue, StillReading
from mula_daemon.clips.library import Library
from support.deck_rig import ALICE, Rig
from support.shelved_clips import check_whole, put_clip
from support.takes import make_take

CLIPS = ["clip00", "clip01", "clip02", "clip03"]
ERRORS = [
    OSError(errno.ENOSPC, "No space left on device"),
    OSError(errno.EIO, "Input/output error"),
    PermissionError(errno.EROFS, "Read-only file system"),
    Busy("held elsewhere"),
    ValueError("a bug"),
    KeyError("a bug"),
    MemoryError(),
]


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    rig = Rig(tmp_path / "clips")
    yield rig
    rig.mover.stop()


def raising(error: Exception) -> Callable[..., object]:
    def fail(*_: object, **__: object) -> object:
        raise error

    return fail


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: repr(error)[:40])
@pytest.mark.parametrize(
    ("owner", "seam"),
    [(moves, "begin"), (moves, "carry_out"), (shelves, "may_be_in_use"), (moves, "resume")],
    ids=["the note", "the move", "the look at DAWs", "the move before"],
)
def test_whatever_a_move_meets_is_told_and_the_word_is_taken_back(
    rig: Rig, monkeypatch: pytest.MonkeyPatch, owner: object, seam: str, error: Exception
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(owner, seam, raising(error))
        rig.send(Judge(Status.KEPT, "clip01"))
        assert rig.audition.deck.card("clip01").status is Status.KEPT
        rig.settle()
    (failed,) = rig.all(Failed)
    assert isinstance(failed, Failed) and failed.address == ALICE.address
    assert rig.audition.deck.card("clip01").status is Status.NEW
    assert rig.all(ClipJudged) == []
    rig.send(Judge(Status.KEPT, "clip01"), Judge(Status.REJECTED, "clip02"))
    rig.settle()
    assert len(rig.all(ClipJudged)) == 4  # everybody, and who asked
    check_whole(rig.library, CLIPS)


def test_after_a_move_that_failed_the_one_behind_it_counts(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Keep fails, favourite does not: it is a new favourite, on the deck as on the disk."""
    monkeypatch.setattr(moves, "begin", raising(OSError(errno.EIO, "Input/output error")))
    rig.send(Judge(Status.KEPT, "clip01"), Favourite(True, "clip01"))
    rig.settle()
    card, recipe = rig.audition.deck.card("clip01"), rig.library.find("clip01").recipe
    assert (card.status, card.favourite) == (recipe.status, recipe.favourite) == (Status.NEW, True)


def test_a_clip_that_was_taken_away_leaves_the_deck_when_it_is_judged(rig: Rig) -> None:
    rig.library.find("clip02").path.unlink()
    rig.send(Judge(Status.KEPT, "clip02"))
    rig.settle()
    assert "unknown clip 'clip02'" in rig.all(Failed)[0].text  # type: ignore[attr-defined]
    assert rig.audition.deck.order == ["clip03", "clip01", "clip00"]


def test_a_folder_that_is_away_takes_the_word_back_and_comes_back_whole(rig: Rig) -> None:
    folder = rig.library.folder
    folder.rename(folder.with_name("away"))
    rig.send(Judge(Status.KEPT, "clip01"))
    rig.settle()
    assert "has gone" in rig.all(Failed)[0].text  # type: ignore[attr-defined]
    assert rig.audition.deck.card("clip01").status is Status.NEW
    folder.with_name("away").rename(folder)
    rig.send(Judge(Status.KEPT, "clip01"))
    rig.settle()
    assert rig.library.find("clip01").recipe.status is Status.KEPT
    check_whole(rig.library, CLIPS)


def test_a_worker_that_has_too_much_to_do_refuses_and_nothing_is_changed(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(rig.mover, "do", raising(Busy("too much waits")))
        for command in (Judge(Status.KEPT, "clip01"), Favourite(True, "clip01")):
            with pytest.raises(Busy):
                rig.send(command)
    card = rig.audition.deck.card("clip01")
    assert (card.status, card.favourite) == (Status.NEW, False)
    with pytest.raises(Exception, match="no keep"):
        rig.send(UndoJudgement())


# --- what can be taken back after that ------------------------------------------------------------


def shown(rig: Rig, clip: str) -> tuple[Status, bool]:
    """On the deck and on the disk, which have to agree."""
    card, recipe = rig.audition.deck.card(clip), rig.library.find(clip).recipe
    assert (card.status, card.favourite) == (recipe.status, recipe.favourite)
    return card.status, card.favourite


@pytest.mark.parametrize("full", [True, False], ids=["the worker is full", "the move fails"])
@pytest.mark.parametrize(
    "command",
    [Judge(Status.REJECTED, "clip01"), Judge(Status.KEPT, "clip01"), Favourite(False, "clip01")],
    ids=["a change", "the same again", "no favourite as before"],
)
def test_a_judgement_that_fails_leaves_those_before_it_to_be_taken_back(
    rig: Rig, monkeypatch: pytest.MonkeyPatch, command: Judge | Favourite, full: bool
) -> None:
    rig.send(Judge(Status.KEPT, "clip01"))
    rig.settle()
    with monkeypatch.context() as patch:
        if full:
            patch.setattr(rig.mover, "do", raising(Busy("too much waits")))
            with pytest.raises(Busy):
                rig.send(command)
        else:
            patch.setattr(shelves.Shelves, "put", raising(OSError(errno.EIO, "I/O error")))
            patch.setattr(shelves.Shelves, "favour", raising(OSError(errno.EIO, "I/O error")))
            rig.send(command)
            rig.settle()
    rig.send(UndoJudgement())
    rig.settle()
    assert shown(rig, "clip01") == (Status.NEW, False)


@pytest.mark.parametrize("full", [True, False], ids=["the worker is full", "the folder is away"])
def test_an_undo_that_fails_can_be_done_again_and_costs_no_other(
    rig: Rig, monkeypatch: pytest.MonkeyPatch, full: bool
) -> None:
    rig.send(Favourite(True, "clip01"), Judge(Status.KEPT, "clip01"))
    rig.settle()
    folder = rig.library.folder
    if full:
        with monkeypatch.context() as patch, pytest.raises(Busy):
            patch.setattr(rig.mover, "do", raising(Busy("too much waits")))
            rig.send(UndoJudgement())
    else:
        folder.rename(folder.with_name("away"))
        rig.send(UndoJudgement())
        rig.settle()
        folder.with_name("away").rename(folder)
        (failed,) = rig.all(Failed)
        assert "has gone" in failed.text  # type: ignore[attr-defined]
    assert shown(rig, "clip01") == (Status.KEPT, True)
    rig.send(UndoJudgement())
    rig.settle()
    assert shown(rig, "clip01") == (Status.NEW, True)
    rig.send(UndoJudgement())
    rig.settle()
    assert shown(rig, "clip01") == (Status.NEW, False)


def test_a_clip_that_two_judge_goes_back_judgement_by_judgement(rig: Rig) -> None:
    bob = replace(ALICE, peer=("127.0.0.1", 2))
    rig.audition.handle(Judge(Status.KEPT, "clip01"), ALICE)
    rig.audition.handle(Judge(Status.REJECTED, "clip01"), bob)
    rig.settle()
    assert [to for report, to, _ in rig.heard if isinstance(report, ClipJudged)] == [
        None, ALICE, None, bob
    ]  # fmt: skip
    assert shown(rig, "clip01") == (Status.REJECTED, False)
    for status in (Status.KEPT, Status.NEW):
        rig.send(UndoJudgement())
        rig.settle()
        assert shown(rig, "clip01") == (status, False)


# --- a folder that is being read, and that others change ------------------------------------------


class Fresh(Rig):
    """A daemon whose folder is not read yet; it is, and watched, from ``survey`` on."""

    def begin(self) -> None:
        super().begin()
        self.mover.stop()
        self.watched = Catalogue(self.library)
        self.reopen(self.watched)

    def survey(self) -> None:
        self.audition.survey()
        self.settle(lambda: not self.watched.reading)
        self.settle()

    def look(self) -> None:
        self.audition._survey._next_look = 0.0
        self.audition.tick()
        self.settle()


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[Fresh]:
    fresh = Fresh(tmp_path / "clips")
    yield fresh
    fresh.mover.stop()


def test_while_the_folder_is_read_the_deck_says_so_and_never_that_a_clip_is_unknown(
    fresh: Fresh,
) -> None:
    for command in (AuditionPlay("clip01"), AuditionPlay(), Judge(Status.KEPT, "clip01")):
        with pytest.raises(StillReading, match="is still being read"):
            fresh.send(command)
    fresh.survey()
    assert fresh.audition.deck.order == CLIPS[::-1]
    assert fresh.all(DeckChanged)[-1].count == 4  # type: ignore[attr-defined]
    fresh.send(AuditionPlay("clip01"))
    with pytest.raises(UnknownName):
        fresh.send(AuditionPlay("nobody"))


def test_takes_that_land_while_the_folder_is_read_are_above_what_was_there(fresh: Fresh) -> None:
    put_clip(fresh.library, "new000", job="tonight", created="2027-01-01T00:00:00.000Z")
    fresh.audition.hear(ClipComplete(fresh.library.find("new000").recipe))
    fresh.send(AuditionPlay("new000"))
    fresh.survey()
    assert fresh.audition.deck.order == ["new000", *CLIPS[::-1]]
    assert fresh.on == "new000"


def test_what_others_do_to_the_folder_is_seen_on_the_deck(fresh: Fresh) -> None:
    fresh.survey()
    put_clip(fresh.library, "other0", job="theirs")
    fresh.library.find("clip03").path.unlink()
    shelves.Shelves(Library(fresh.library.folder)).favour("clip01", True)
    fresh.look()
    assert fresh.audition.deck.order == ["other0", "clip02", "clip01", "clip00"]
    assert fresh.audition.deck.card("clip01").favourite
    assert fresh.on == "clip02"


def test_a_clip_that_others_take_away_while_it_plays_falls_silent(fresh: Fresh) -> None:
    """Else the deck says that the clip in its place is what is heard."""
    fresh.survey()
    fresh.send(AuditionPlay("clip03"))
    fresh.library.find("clip03").path.unlink()
    fresh.look()
    fresh.audition.tick()
    state = fresh.all(AuditionState)[-1]
    assert isinstance(state, AuditionState)
    assert (state.clip, state.playing) == ("clip02", Playing.STOPPED)


def test_a_clip_that_others_take_away_leaves_another_playing(fresh: Fresh) -> None:
    fresh.survey()
    fresh.send(AuditionPlay("clip03"))
    fresh.library.find("clip02").path.unlink()
    fresh.look()
    assert "clip02" not in fresh.audition.deck.order
    assert fresh.turntable.playing is Playing.PLAYING


def test_a_folder_that_was_emptied_leaves_an_empty_deck(fresh: Fresh) -> None:
    fresh.survey()
    shutil.rmtree(fresh.library.folder)
    fresh.library.folder.mkdir()
    fresh.look()
    assert fresh.all(DeckChanged)[-1] == DeckChanged("", 0, 0)


def test_ten_thousand_clips_are_put_on_and_taken_off_within_a_frame() -> None:
    """Loosely: some 30 ms each on an idle machine, where one by one it took seconds."""
    card = Card.of_take(make_take())
    cards = [
        card.__class__(f"{n:06}", f"job{n // 4}", n % 4, card.tags, 1, 120.0, 1, 4)
        for n in range(10_000)
    ]
    deck, began = Deck(), perf_counter()
    deck.fill(cards)
    filled = perf_counter()
    assert deck.order[:5] == ["009996", "009997", "009998", "009999", "009992"]
    deck.remove(*(card.id for card in cards[10:]))
    removed = perf_counter()
    assert len(deck.order) == 10
    assert filled - began < 1.0 > removed - filled
