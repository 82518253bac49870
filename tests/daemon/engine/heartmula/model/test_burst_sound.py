"""What live play in bursts yields, and when: all of a burst's sound before the next one begins."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from mula_bridge.control.messages.reports import Notice
from mula_daemon.engine.heartmula.model import burst_sound
from mula_daemon.engine.heartmula.model.burst_sound import BurstSound
from mula_daemon.engine.heartmula.model.effort import Effort
from mula_daemon.engine.heartmula.model.live_plan import RECENT, LivePlan, choose
from mula_daemon.engine.heartmula.model.streaming import StreamSettings
from mula_daemon.engine.playing import MadeFrame
from mula_daemon.engine.seam import AudioBlock, FrameKnobs, Timing

FRAME = MadeFrame(((1,) * 8,), FrameKnobs())
FRAME_S = 0.01


class Card:
    """Windows that are still in the making when the frame that fills them has been handed over."""

    def __init__(self, hop: int) -> None:
        self.effort = Effort(10, 1.25, deadline=True)
        self.now_s = 0.0
        self.window_s = 0.05
        self.hop, self.frames, self.making = hop, 0, 0

    def add(self, frame: MadeFrame, made_s: float) -> Iterator[AudioBlock | Notice]:
        self.frames += 1
        if self.frames == self.hop:
            self.frames, self.making = 0, self.hop
        yield from ()

    def settle(self) -> Iterator[AudioBlock]:
        self.now_s += self.window_s
        made, self.making = self.making, 0
        yield AudioBlock("live1", 0, np.zeros((made * 3840, 2), np.float32))

    def resize(self, hop: int) -> None:
        assert not self.frames and not self.making
        self.hop = hop

    def rest(self) -> Iterator[AudioBlock]:
        yield from ()


@pytest.fixture
def card(monkeypatch: pytest.MonkeyPatch) -> Card:
    card = Card(2)
    monkeypatch.setattr(burst_sound, "perf_counter", lambda: card.now_s)
    return card


@pytest.fixture
def plan(card: Card) -> LivePlan:
    asked = StreamSettings.parse("context=4")
    return choose(asked, FRAME_S, lambda settings: card.window_s)


def burst(sound: BurstSound, frames: int) -> list[AudioBlock | Notice | Timing]:
    """What the last frame of a burst completes; those before it complete nothing."""
    for _ in range(frames - 1):
        assert list(sound.add(FRAME, FRAME_S)) == []
    return list(sound.add(FRAME, FRAME_S))


def test_a_bursts_last_frame_brings_all_of_its_sound(card: Card, plan: LivePlan) -> None:
    sound = BurstSound("live1", card, plan)
    for _ in range(3 * RECENT):
        (block,) = burst(sound, 2)
        assert isinstance(block, AudioBlock) and len(block.samples) == 2 * 3840


def begun(card: Card, plan: LivePlan) -> BurstSound:
    """Whose windows have all their context."""
    sound = BurstSound("live1", card, plan)
    for _ in range(2):
        assert len(burst(sound, 2)) == 1
    return sound


def test_windows_that_have_not_all_their_context_yet_say_nothing(
    card: Card, plan: LivePlan
) -> None:
    sound = BurstSound("live1", card, plan)
    card.window_s = 0.5
    for _ in range(2):
        assert len(burst(sound, 2)) == 1
    card.window_s = 0.05
    for _ in range(RECENT):
        assert len(burst(sound, 2)) == 1


def test_windows_that_take_longer_are_begun_earlier(card: Card, plan: LivePlan) -> None:
    sound = begun(card, plan)
    card.window_s = 0.08
    assert len(burst(sound, 2)) == 1
    _, timing = burst(sound, 2)
    assert timing == Timing("live1", 2, pytest.approx(0.08 + 2 * FRAME_S + 0.08))


def test_too_much_work_makes_bursts_longer_between_two_of_them_and_says_so(
    card: Card, plan: LivePlan
) -> None:
    sound = begun(card, plan)
    card.window_s = 0.13
    said: list[AudioBlock | Notice | Timing] = []
    while card.hop == 2:
        said = burst(sound, 2)
    block, notice, timing = said
    assert isinstance(block, AudioBlock)
    assert isinstance(notice, Notice) and (notice.job, notice.code) == ("live1", "live_timing")
    assert notice.text.startswith("from now on live play makes 4 frames of sound at a time")
    assert timing == Timing("live1", 4, pytest.approx(0.08 + 4 * FRAME_S + 0.13))
    assert len(burst(sound, 4)) == 1
