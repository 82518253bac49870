"""When a running job takes over texts, and when it makes room."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
import torch

from mula_daemon.engine.lm.history import Codes
from mula_daemon.engine.lm.player import Player
from mula_daemon.engine.lm.priming import Priming, PromptTokens
from mula_daemon.engine.lm.prompted_frames import LEAD, PromptedFrames
from mula_daemon.engine.lm.static_stack import StackState
from mula_daemon.engine.seam import ClipRequest, FrameKnobs, Texts

pytestmark = pytest.mark.usefixtures("one_thread")

CLIP = ClipRequest("j", ("dark",), (7,), follows=Texts(("dark",)))
NEW = Texts(("dark", "warm"), ("jazz",))
OTHER = Texts(("bright",))
CLOCK = 100


def encode(tags: Sequence[str], _lyrics: str, frame: int) -> PromptTokens:
    """One text id per letter."""
    return PromptTokens([ord(letter) for letter in str(tags)], [1], CLOCK + frame)


class Played:
    """``frames`` frames of ``clip``, hearing ``script``: the texts set from each frame on."""

    def __init__(
        self,
        player: Player,
        script: dict[int, Texts],
        frames: int = 70,
        *,
        clip: ClipRequest = CLIP,
        window: int = 80,
        every: int = 1,
        keep: int | None = None,
        align: int = 1,
    ) -> None:
        maker = PromptedFrames(
            player,
            clip,
            encode,
            window,
            clock=lambda frame: CLOCK + frame % 300,
            every=every,
            keep=keep,
            align=align,
        )
        asked = FrameKnobs(texts=clip.follows)
        self.codes: list[Codes] = []
        self.changes: dict[int, Texts] = {}
        self.said: list[str] = []
        self.rooms: list[int] = []
        for frame in range(frames):
            asked = replace(asked, texts=script.get(frame, asked.texts))
            self.rooms.append(maker._loop.room)
            made = maker.make(asked)
            self.said += [notice.text for notice in made.notices]
            if made.knobs.texts is not None:
                self.changes[frame] = made.knobs.texts
            self.codes.append(np.array(made.codes))


def test_new_texts_go_over_as_soon_as_they_are_read(player: Player) -> None:
    assert Played(player, {10: NEW}).changes == {10: NEW}


def test_or_at_the_next_boundary(player: Player) -> None:
    assert Played(player, {10: NEW}, every=16).changes == {16: NEW}


def test_reading_a_long_history_takes_a_frame_for_each_piece(player: Player) -> None:
    (frame,) = Played(player, {140: NEW}, 145, window=145).changes
    assert 141 <= frame <= 143


def test_until_then_nothing_is_heard_of_them(player: Player) -> None:
    plain, changed = Played(player, {}), Played(player, {10: NEW}, every=16)
    assert np.array_equal(plain.codes[:16], changed.codes[:16])
    assert not np.array_equal(plain.codes[16:], changed.codes[16:])


def test_the_last_of_many_counts(player: Player) -> None:
    assert Played(player, {3: NEW, 4: OTHER, 9: NEW}, every=16).changes == {16: NEW}
    assert Played(player, {3: NEW, 5: CLIP.texts}, every=16).changes == {}


def test_a_job_that_follows_nothing_keeps_its_own(player: Player) -> None:
    assert Played(player, {10: NEW}, clip=replace(CLIP, follows=None)).changes == {}


def test_only_what_changed_since_it_was_asked_for_is_taken_over(player: Player) -> None:
    clip = replace(CLIP, tags=("its own",), follows=Texts(("dark",)))
    played = Played(player, {10: Texts(("dark",), ("jazz",))}, clip=clip)
    assert played.changes == {10: Texts(("its own",), ("jazz",))}


def test_a_replay_makes_the_same_codes(player: Player) -> None:
    first = Played(player, {20: NEW, 41: Texts(("calm",))}, every=16)
    replay = replace(CLIP, performance=((0, FrameKnobs()),))
    again = Played(player, first.changes, clip=replay, every=16)
    assert again.changes == first.changes == {32: NEW, 48: Texts(("calm",))}
    assert np.array_equal(first.codes, again.codes)


def test_texts_that_do_not_fit_are_refused_and_the_job_goes_on(player: Player) -> None:
    long = Texts(("x" * 9000,))
    played = Played(player, {10: long, 20: NEW})
    assert played.changes == {20: NEW}
    assert len(played.said) == 1 and "stay in force" in played.said[0]
    assert np.array_equal(played.codes[:20], Played(player, {}).codes[:20])


@pytest.mark.parametrize(
    ("script", "failing", "changes"),
    [({10: NEW, 30: OTHER}, 2, {32: OTHER}), ({3: OTHER, 4: NEW}, 3, {})],
    ids=["a later change is heard", "what was being read is spent"],
)
def test_texts_that_no_memory_is_left_to_read_leave_the_job_as_it_is(
    player: Player,
    monkeypatch: pytest.MonkeyPatch,
    script: dict[int, Texts],
    failing: int,
    changes: dict[int, Texts],
) -> None:
    plain = Played(player, {}, 40)
    real, calls = Priming.read_into, list[None]()

    def full(priming: Priming, state: StackState | None) -> StackState:
        calls.append(None)
        if len(calls) == failing:
            raise torch.OutOfMemoryError("tried to allocate 1 GiB")
        return real(priming, state)

    monkeypatch.setattr(Priming, "read_into", full)
    played = Played(player, script, 40, every=16)
    assert played.changes == changes
    (said,) = played.said
    assert said.startswith("no memory is left to read other texts")
    same = next(iter(changes), 40)
    assert np.array_equal(plain.codes[:same], played.codes[:same])


def test_without_end_it_never_runs_out_of_room(player: Player) -> None:
    rooms = Played(player, {}, 100, window=64, every=8, keep=48, align=16).rooms
    assert min(rooms) >= 0
    assert [frame for frame in range(99) if rooms[frame + 1] > rooms[frame]] == [64, 80, 96]


def test_an_endless_performance_replays_too(player: Player) -> None:
    shape = {"window": 64, "every": 8, "keep": 48, "align": 8}
    script = {20: NEW, 64 - LEAD // 2: Texts(("calm",)), 63: Texts(("late",))}
    first = Played(player, script, **shape)  # type: ignore[arg-type]
    assert first.changes[64] == Texts(("late",))
    replay = replace(CLIP, performance=((0, FrameKnobs()),))
    again = Played(player, first.changes, clip=replay, **shape)  # type: ignore[arg-type]
    assert np.array_equal(first.codes, again.codes)
