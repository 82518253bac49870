"""The frame loop under every engine, with a model and a sound of nothing much."""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from itertools import islice

import numpy as np
import pytest

from mula_bridge.control.messages import Notice
from mula_daemon.engine.playing import MadeFrame, play
from mula_daemon.engine.seam import AudioBlock, ClipRequest, Frame, FrameKnobs

CLIP = ClipRequest("j", (), (1, 2), bpm=90.0)
LIVE = ClipRequest("j", (), (1, 2), bpm=90.0, endless=True)


class Counting:
    """A model whose codes count its frames. ``ends`` says in which frame each take is over."""

    def __init__(self, *ends: int) -> None:
        self.asked: list[FrameKnobs] = []
        self._ends = ends

    def make(self, asked: FrameKnobs) -> MadeFrame:
        frame = len(self.asked)
        self.asked.append(asked)
        over = frozenset(take for take, end in enumerate(self._ends) if frame >= end)
        said = [Notice("j", "said", f"before frame {frame}")] if frame == 1 else []
        return MadeFrame(((frame,), (frame,)), asked, over, said)


class Beeps:
    """Each frame completes a sample of the first take; one is left at the end."""

    def __init__(self) -> None:
        self.heard: list[MadeFrame] = []
        self.seconds: list[float] = []
        self.at_the_end = lambda: None

    def add(self, frame: MadeFrame, made_s: float) -> Iterator[AudioBlock]:
        self.heard.append(frame)
        self.seconds.append(made_s)
        yield AudioBlock("j", 0, np.full((1, 2), frame.codes[0][0], np.float32))

    def rest(self) -> Iterator[AudioBlock]:
        self.at_the_end()
        yield AudioBlock("j", 0, np.full((1, 2), -1, np.float32))


def order(items: Iterator[Frame | AudioBlock | Notice]) -> list[str]:
    """``f0`` a frame, ``a0`` its sound, ``a-1`` the rest, ``n`` a notice."""
    found = []
    for item in items:
        match item:
            case Frame():
                found.append(f"f{item.index}")
            case AudioBlock():
                found.append(f"a{item.samples[0, 0]:.0f}")
            case _:
                found.append("n")
    return found


def test_notices_come_first_then_the_frame_then_its_sound_and_the_rest_at_the_end() -> None:
    items = play(CLIP, 3, FrameKnobs, Counting(), Beeps())
    assert order(items) == ["f0", "a0", "n", "f1", "a1", "f2", "a2", "a-1"]


def test_a_clip_ends_in_the_frame_that_finds_every_take_over() -> None:
    sound = Beeps()
    assert order(play(CLIP, 9, FrameKnobs, Counting(1, 2), sound))[-3:] == ["f2", "a2", "a-1"]
    assert [set(frame.over) for frame in sound.heard] == [set(), {0}, {0, 1}]


def test_a_clip_keeps_its_tempo_and_live_play_takes_that_of_the_knobs() -> None:
    tempi = [0.0, 100.0, 0.0, 120.0]

    def bpms(clip: ClipRequest) -> list[float]:
        asked = iter(tempi)
        items = play(clip, 0, lambda: FrameKnobs(bpm=next(asked)), Counting(), Beeps())
        return [item.knobs.bpm for item in islice(items, 9) if isinstance(item, Frame)]

    assert bpms(CLIP) == [90.0] * 4
    assert bpms(LIVE) == [90.0, 100.0, 100.0, 120.0]


def test_what_is_asked_of_the_model_is_what_stood_on_the_knobs_just_then() -> None:
    model, revisions = Counting(), iter(range(9))
    items = play(CLIP, 3, lambda: FrameKnobs(revision=next(revisions)), model, Beeps())
    reports = [item.knobs.revision for item in items if isinstance(item, Frame)]
    assert reports == [asked.revision for asked in model.asked] == [0, 1, 2]


def test_the_model_is_gone_before_the_rest_is_made() -> None:
    sound = Beeps()
    alive: list[object] = []
    items = play(CLIP, 1, FrameKnobs, model := Counting(), sound)
    known = weakref.ref(model)
    del model
    sound.at_the_end = lambda: alive.append(known())
    assert order(items) == ["f0", "a0", "a-1"]
    assert alive == [None]


def test_closing_it_makes_no_more_frames_and_no_rest() -> None:
    model, sound = Counting(), Beeps()
    sound.at_the_end = lambda: pytest.fail("the rest was made")
    items = play(LIVE, 0, FrameKnobs, model, sound)
    assert order(islice(items, 3)) == ["f0", "a0", "n"]
    items.close()
    assert len(model.asked) == 2 and len(sound.heard) == 1


def test_the_sound_is_told_how_long_its_frame_took_without_the_wait_for_it() -> None:
    clock = Beeps()
    list(play(CLIP, 2, FrameKnobs, Counting(), clock))
    assert all(0 <= seconds < 0.05 for seconds in clock.seconds)
