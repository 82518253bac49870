"""The deck's commands: what is played, moved and reported, with real files."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from time import sleep

import pytest

from mula_bridge.control.messages.commands import (
    AuditionAdvance,
    AuditionCompare,
    AuditionFollow,
    AuditionGain,
    AuditionLoop,
    AuditionPlay,
    AuditionQuantise,
    AuditionStep,
    AuditionStop,
    Favourite,
    Judge,
    Panic,
    Stop,
    UndoJudgement,
)
from mula_bridge.control.messages.origin import DAEMON
from mula_bridge.control.messages.reports import (
    AuditionSettings,
    AuditionState,
    ClipJudged,
    DeckChanged,
    Failed,
)
from mula_bridge.control.messages.states import Playing, Status
from mula_bridge.errors import BadInput, UnknownName
from mula_daemon.audition.events import (
    ClipComplete,
    ClipUnplayable,
    TakeAudible,
    TakeGone,
    TakeOpened,
)
from mula_daemon.audition.turntable import Start
from mula_daemon.clips.take import Take
from support.crashing_disk import Crash, CrashingDisk
from support.deck_rig import ALICE, Rig
from support.shelved_clips import check_findable, check_whole, put_clip
from support.takes import make_take


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    rig = Rig(tmp_path)
    yield rig
    rig.mover.stop()


def test_the_newest_clip_lies_on_the_deck_at_the_start(rig: Rig) -> None:
    rig.audition.dump(ALICE)
    settings, shown, state = [report for report, to, _ in rig.heard if to == ALICE]
    assert settings == AuditionSettings()
    assert isinstance(shown, DeckChanged)
    assert (shown.clip, shown.number, shown.count) == ("clip03", 1, 4)
    assert state == AuditionState("clip03", Playing.STOPPED, 0.0, 4, False, False)


def test_play_next_and_prev_play(rig: Rig) -> None:
    rig.send(AuditionPlay(), AuditionStep(1), AuditionStep(1), AuditionStep(-1))
    rig.send(AuditionPlay("clip00"))
    assert rig.played() == ["clip03", "clip02", "clip01", "clip02", "clip00"]
    assert rig.turntable.starts[-1] == Start("clip00", 120.0)
    state = rig.all(AuditionState)[-1]
    assert state == AuditionState("clip00", Playing.PLAYING, 1.5, 4, False, True)
    assert [shown.clip for shown in rig.all(DeckChanged)] == rig.played()  # type: ignore[attr-defined]


def test_it_says_whether_a_clip_is_in_the_sessions_tempo(rig: Rig) -> None:
    rig.send(AuditionPlay("clip01"), AuditionPlay("clip00"))
    assert [state.in_tempo for state in rig.all(AuditionState)] == [False, True]  # type: ignore[attr-defined]


def test_an_unknown_clip_is_answered_with_the_nearest(rig: Rig) -> None:
    with pytest.raises(UnknownName, match="did you mean clip0"):
        rig.send(AuditionPlay("clip99"))
    assert rig.played() == []


def test_settings_are_told_to_everyone_and_asked_for_by_one(rig: Rig) -> None:
    rig.send(AuditionLoop(True), AuditionQuantise(8), AuditionGain(99.0), AuditionFollow(False))
    rig.send(AuditionAdvance(False))
    wanted = AuditionSettings(True, False, False, 8, 12.0)
    assert rig.heard[-2:] == [(wanted, None, ALICE), (wanted, ALICE, None)]
    assert (rig.turntable.loop, rig.turntable.gain_db) == (True, 12.0)
    del rig.heard[:]
    rig.send(AuditionLoop(None), AuditionGain(None))
    assert rig.heard == [(wanted, ALICE, None)] * 2
    rig.send(AuditionPlay())
    assert rig.turntable.starts[-1] == Start("clip03", 123.0, True, 12.0, 8)


def test_a_b_goes_back_and_forth_in_step_whatever_the_quantum(rig: Rig) -> None:
    rig.send(AuditionQuantise(4), AuditionPlay("clip00"), AuditionPlay("clip01"))
    rig.send(AuditionCompare(), AuditionCompare())
    assert rig.turntable.starts[-2:] == [
        Start("clip00", 120.0, join=True), Start("clip01", 121.0, join=True)
    ]  # fmt: skip


def test_stop_and_panic_stop_the_deck_as_its_own_stop_does(rig: Rig) -> None:
    rig.send(AuditionPlay(), AuditionStop())
    assert rig.turntable.playing is Playing.STOPPED
    for command in (Stop(), Panic()):
        rig.send(AuditionPlay())
        rig.audition.hush(command)
        assert rig.turntable.playing is Playing.STOPPED


def test_keeping_moves_the_clip_and_goes_on_to_the_next(rig: Rig) -> None:
    rig.send(AuditionPlay(), Judge(Status.KEPT))
    assert rig.played() == ["clip03", "clip02"]
    rig.settle()
    judged, answer = rig.all(ClipJudged)
    assert answer == judged
    assert [to for report, to, _ in rig.heard if report == judged] == [None, ALICE]
    path = rig.library.folder / "kept" / "clip_clip03.wav"
    assert judged == ClipJudged("clip03", Status.KEPT, False, str(path))
    check_whole(rig.library, [f"clip0{number}" for number in range(4)])


def test_without_advance_the_deck_stays_and_a_rejected_clip_falls_silent(rig: Rig) -> None:
    rig.send(AuditionAdvance(False), AuditionPlay(), Judge(Status.KEPT))
    assert rig.played() == ["clip03"] and rig.turntable.playing is Playing.PLAYING
    rig.send(Judge(Status.REJECTED))
    assert rig.turntable.playing is Playing.STOPPED
    assert rig.on == "clip03"
    rig.send(AuditionStep(1))
    assert rig.on == "clip02"


def test_while_nothing_plays_judging_goes_on_in_silence(rig: Rig) -> None:
    rig.send(Judge(Status.REJECTED), Judge(Status.KEPT))
    assert rig.on == "clip01" and rig.played() == []


def test_judging_another_clip_leaves_what_plays_alone(rig: Rig) -> None:
    rig.send(AuditionPlay("clip01"), Judge(Status.REJECTED, "clip00"), Judge(Status.KEPT, "clip02"))
    assert rig.played() == ["clip01"]
    rig.settle()
    assert rig.library.find("clip00").path.parent.name == "rejected"


def test_undo_brings_the_file_back_and_the_clip_on(rig: Rig) -> None:
    rig.send(AuditionPlay(), Judge(Status.REJECTED), UndoJudgement())
    assert rig.on == "clip03" and rig.played() == ["clip03", "clip02", "clip03"]
    rig.settle()
    assert rig.library.find("clip03").path.parent == rig.library.folder
    rig.send(Favourite(True), UndoJudgement())
    rig.settle()
    assert not rig.library.find("clip03").recipe.favourite
    with pytest.raises(BadInput, match="to take back"):
        rig.send(UndoJudgement())


def test_a_favourite_is_marked_in_its_sidecar(rig: Rig) -> None:
    rig.send(Favourite(True, "clip01"))
    rig.settle()
    assert rig.library.find("clip01").recipe.favourite
    assert rig.all(ClipJudged)[-1].favourite  # type: ignore[attr-defined]


def test_a_move_that_fails_is_told_to_who_asked_and_taken_back(rig: Rig) -> None:
    in_the_way = rig.library.folder / "kept" / "clip_clip03.wav"
    in_the_way.parent.mkdir()
    in_the_way.write_text("mine")
    rig.send(Judge(Status.KEPT))
    rig.settle()
    (failed,) = [report for report, to, _ in rig.heard if to == ALICE]
    assert isinstance(failed, Failed) and "another file" in failed.text
    assert failed.address == "/mula/audition/here"
    assert rig.audition.deck.card("clip03").status is Status.NEW
    with pytest.raises(BadInput, match="to take back"):
        rig.send(UndoJudgement())


# --- takes that are being written -------------------------------------------------------------


def begin(rig: Rig, clip: str, take: int = 0) -> Take:
    made = make_take(id=clip)
    made = replace(made, take=take, request=replace(made.request, seeds=(1, 2)))
    rig.audition.hear(TakeOpened(made))
    rig.audition.hear(TakeAudible(made))
    rig.settle()
    return made


def test_the_deck_follows_the_first_take_of_a_job_as_it_is_written(rig: Rig) -> None:
    begin(rig, "take00")
    begin(rig, "take01", 1)
    assert rig.played() == ["take00"] and rig.on == "take00"
    shown = rig.all(DeckChanged)[-1]
    assert isinstance(shown, DeckChanged)
    assert (shown.number, shown.count, shown.writing) == (1, 6, True)
    rig.send(AuditionStep(1))
    assert rig.on == "take01"
    with pytest.raises(BadInput, match="still being written"):
        rig.send(Judge(Status.KEPT))


def test_it_does_not_where_it_is_told_not_to_or_nobody_could_hear_it(rig: Rig) -> None:
    rig.audible = False
    begin(rig, "take00")
    rig.audible = True
    rig.send(AuditionFollow(False))
    begin(rig, "take10")
    assert rig.played() == [] and rig.on == "clip03"


def test_takes_of_queued_jobs_are_heard_one_after_another(rig: Rig) -> None:
    for clip in ("take00", "take10"):
        begin(rig, clip)
    assert [start.behind for start in rig.turntable.starts] == [False, True]
    rig.send(AuditionLoop(True))
    begin(rig, "take20")
    rig.send(AuditionLoop(False), AuditionPlay("clip00"))
    begin(rig, "take30")
    assert [start.behind for start in rig.turntable.starts][2:] == [False, False, False]


def test_a_complete_clip_takes_the_place_of_what_was_written(rig: Rig) -> None:
    begin(rig, "take00")
    put_clip(rig.library, "take00", loudness_lufs=-12.0)
    rig.audition.hear(ClipComplete(rig.library.find("take00").recipe))
    rig.settle()
    card = rig.audition.deck.card("take00")
    assert not card.writing and card.loudness_lufs == -12.0
    rig.send(Judge(Status.KEPT))
    rig.settle()
    assert rig.library.find("take00").recipe.status is Status.KEPT


def test_a_take_that_is_given_up_leaves_the_deck(rig: Rig) -> None:
    rig.audition.hear(TakeGone(begin(rig, "take00")))
    rig.settle()
    assert rig.on == "clip03"
    assert "take00" not in rig.audition.deck.order


def test_what_cannot_be_played_is_told(rig: Rig) -> None:
    rig.audition.hear(ClipUnplayable("clip00", "why"))
    rig.settle()
    assert rig.all(Failed) == [Failed("/mula/audition/play", "audition", "clip clip00: why")]


def test_the_state_is_told_when_it_changes_and_not_again(rig: Rig) -> None:
    rig.send(AuditionPlay())
    del rig.heard[:]
    rig.audition.tick()
    assert rig.heard == []
    rig.turntable.playing = Playing.STOPPED
    rig.audition.tick()
    assert len(rig.heard) == 1


# --- 500 clips --------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.filterwarnings(  # a crash is the end of the thread that it meets
    "ignore:Exception in thread files:pytest.PytestUnhandledThreadExceptionWarning"
)
def test_500_clips_auditioned_and_judged_at_random_with_crashes_are_all_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the deck's own buttons, and with the crashes anywhere between two file operations."""
    monkeypatch.setattr("mula_daemon.clips.shelves.may_be_in_use", lambda _: False)
    chance = random.Random(2)
    rig = Rig(tmp_path, clips=0)
    ids = [f"c{number:05}" for number in range(500)]
    for number, clip in enumerate(ids):
        put_clip(rig.library, clip, job=f"job{number // 4}", take=number % 4)
    rig.begin()
    disk = CrashingDisk(monkeypatch)
    crashes = judged = 0
    while judged < 500:
        disk.countdown = chance.randrange(350)
        while not disk.dead and judged < 500:
            judged += press_one(rig, chance)
        if disk.dead:
            crashes += 1
        rig.mover.stop()
        check_findable(rig.library, ids)
        disk.revive()
        disk.countdown = chance.choice([None, chance.randrange(20)])
        try:
            rig.library.prepare()
        except Crash:
            disk.revive()
            rig.library.prepare()
        disk.revive()
        rig.begin()
    check_whole(rig.library, ids)
    shelves = {clip.recipe.status for clip in rig.library.clips()}
    assert shelves == set(Status)
    assert crashes > 10


def press_one(rig: Rig, chance: random.Random) -> int:
    """Press one button; 1 if it was a judgement."""
    step = chance.random()
    try:
        if step < 0.3:
            rig.send(AuditionStep(chance.choice([1, 1, 1, -1])))
        elif step < 0.4:
            rig.send(AuditionPlay(chance.choice(rig.audition.deck.order)))
        elif step < 0.5:
            rig.send(UndoJudgement())
        elif step < 0.6:
            rig.send(Favourite(chance.random() < 0.5))
        else:
            rig.send(Judge(chance.choice([Status.KEPT, Status.KEPT, Status.REJECTED])))
            return 1
    except BadInput:  # nothing to take back
        pass
    finally:
        sleep(0.002)  # so that the files keep up
    return 0


def test_the_daemon_itself_sends_no_answer_to_itself(rig: Rig) -> None:
    rig.audition.handle(AuditionLoop(True), DAEMON)
    assert [to for _, to, _ in rig.heard] == [None]
