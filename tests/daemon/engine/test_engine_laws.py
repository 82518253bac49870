"""One suite over every engine: what the seam promises."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from dataclasses import replace
from itertools import chain, repeat
from pathlib import Path
from time import perf_counter_ns

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mula_daemon.engine.engines import build
from mula_daemon.engine.heartmula.model.engine import HeartMulaEngine
from mula_daemon.engine.heartmula.model.streaming import StreamSettings
from mula_daemon.engine.lm.language_model import Flavour
from mula_daemon.engine.messages import EngineSpec
from mula_daemon.engine.seam import AudioBlock, ClipRequest, Engine, Frame, FrameKnobs, Texts

REFERENCE = Path(__file__).parents[2] / "data" / "heartmula_reference"
TOY_FLAVOURS = {
    "llama-tiny": Flavour(3, 4, 2, 64, 160, 2048),
    "llama-tiny-decoder": Flavour(2, 2, 1, 48, 96, 16),
}
"""The sizes of the reference checkpoint, whose weights are noise: so is its sound."""


def toy_heartmula() -> Engine:
    return HeartMulaEngine(
        REFERENCE, flavours=TOY_FLAVOURS, stream=StreamSettings(first=4, context=4, hop=4, steps=1)
    )


@pytest.fixture(scope="module", params=["tone", "mini", "heartmula"])
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # the models here are too small to share
    toy = request.param == "heartmula"
    made = toy_heartmula() if toy else build(EngineSpec(request.param))
    made.warm_up()
    yield made
    torch.set_num_threads(threads)


class Played:
    """Everything an engine yields for a request, and how often it read the knobs."""

    def __init__(
        self, engine: Engine, request: ClipRequest, script: dict[int, FrameKnobs] | None = None
    ) -> None:
        self.reads = 0
        self.order: list[str] = []
        self.frames: list[Frame] = []
        self.blocks: dict[int, list[np.ndarray]] = {i: [] for i in range(len(request.seeds))}
        self.seam: list[AudioBlock] = []
        self._now = FrameKnobs()
        self._script = script or {}
        for item in engine.generate(request, self._knobs):
            if isinstance(item, Frame):
                self.order.append("frame")
                self.frames.append(item)
            elif isinstance(item, AudioBlock) and item.at is not None:
                self.seam.append(item)
            elif isinstance(item, AudioBlock):
                assert not self.seam
                self.order.append(f"audio{item.take}")
                self.blocks[item.take].append(item.samples)

    def _knobs(self) -> FrameKnobs:
        self._now = self._script.get(self.reads, self._now)
        self.reads += 1
        return self._now

    def audio(self, take: int = 0) -> np.ndarray:
        return np.concatenate(self.blocks[take])

    def codes(self, take: int = 0) -> list[tuple[int, ...]]:
        return [frame.codes[take] for frame in self.frames]


def request(**changes: object) -> ClipRequest:
    plain = {"job": "j", "tags": ("techno",), "seeds": (1,), "bars": 1}
    return ClipRequest(**{**plain, **changes})  # type: ignore[arg-type]


@pytest.mark.slow
@settings(max_examples=8)
@given(bpm=st.floats(40, 240), bars=st.integers(1, 3))
def test_every_clip_is_exactly_its_bars_long(engine: Engine, bpm: float, bars: int) -> None:
    bars = 1 if engine.info.name == "heartmula" else bars  # its toy takes long over a frame
    asked = request(bpm=bpm, bars=bars)
    played = Played(engine, asked)
    rate = engine.info.sample_rate
    assert len(played.audio()) == asked.samples(rate)
    assert abs(len(played.audio()) - bars * 4 * 60 / bpm * rate) <= 0.5 + 1e-6


def test_a_frame_comes_before_the_audio_it_completes(engine: Engine) -> None:
    played = Played(engine, request(seeds=(1, 2)))
    total = played.frames[0].total
    rate, heard = engine.info.sample_rate, 0
    takes = {f"audio{take}": iter(played.blocks[take]) for take in (0, 1)}
    for item in played.order:
        heard += item == "frame"
        if item == "audio0":
            total_s = played.audio().shape[0] / rate
            assert len(next(takes[item])) / rate <= heard * total_s / total + 1e-3
    assert [frame.index for frame in played.frames] == list(range(total))
    assert played.reads == total


def test_a_frame_reports_the_knobs_it_was_sampled_with(engine: Engine) -> None:
    script = {3: FrameKnobs(revision=5, cfg=3.0), 9: FrameKnobs(revision=6, cfg=0.5)}
    played = Played(engine, request(), script)
    rest = len(played.frames) - 9
    assert [frame.knobs.revision for frame in played.frames] == [0] * 3 + [5] * 6 + [6] * rest


def test_a_frame_begins_when_its_knobs_have_been_read(engine: Engine) -> None:
    """In live play the reading waits for the frame's time, which is no part of the frame."""
    read: list[int] = []

    def knobs() -> FrameKnobs:
        read.append(perf_counter_ns())
        return FrameKnobs()

    for item in engine.generate(request(), knobs):
        if isinstance(item, Frame):
            assert item.started_ns >= read[item.index]


def test_the_same_request_gives_the_same_codes_and_samples(engine: Engine) -> None:
    one, other = Played(engine, request(bars=2)), Played(engine, request(bars=2))
    assert one.codes() == other.codes()
    assert (one.audio() == other.audio()).all()


def test_another_seed_gives_another_clip(engine: Engine) -> None:
    one, other = Played(engine, request()), Played(engine, request(seeds=(2,)))
    assert one.codes() != other.codes() or (one.audio() != other.audio()).any()


def test_each_take_is_what_its_seed_gives_alone(engine: Engine) -> None:
    both = Played(engine, request(seeds=(1, 2)))
    alone = Played(engine, request(seeds=(2,)))
    assert both.codes(1) == alone.codes()
    assert (both.audio(1) == alone.audio()).all()


def test_blocks_that_make_a_loop_replace_samples_that_were_sent(engine: Engine) -> None:
    played = Played(engine, request(seeds=(1, 2)))
    for block in played.seam:
        assert block.at is not None
        assert 0 <= block.at <= len(played.audio(block.take)) - len(block.samples)
        assert np.isfinite(block.samples).all() and np.abs(block.samples).max() <= 1.0
    assert {block.take for block in played.seam} in ({0, 1}, set())


def test_audio_is_finite_loud_and_not_clipped(engine: Engine) -> None:
    audio = Played(engine, request(bars=2)).audio()
    assert audio.dtype == np.float32
    assert audio.shape[1] == engine.info.channels
    assert np.isfinite(audio).all()
    assert 0.0 < np.abs(audio).max() <= 1.0 or engine.info.name == "heartmula"


@pytest.mark.slow
def test_texts_set_while_it_runs_are_taken_over_and_replay(engine: Engine) -> None:
    if engine.info.name == "tone":
        pytest.skip("it reads no texts")
    new = Texts(("jazz", "mellow"), ("metal",))
    asked = request(bars=3, follows=Texts(("techno",)))
    first = Played(engine, asked, {5: FrameKnobs(texts=new)})
    ((frame, texts),) = ((f.index, f.knobs.texts) for f in first.frames if f.knobs.texts)
    assert texts == new and frame >= 5
    assert frame % 16 == 0 or engine.info.name != "mini"
    plain = Played(engine, request(bars=3))
    assert first.codes()[:frame] == plain.codes()[:frame]
    assert first.codes()[frame:] != plain.codes()[frame:]

    script = ((0, FrameKnobs()), (frame, FrameKnobs(texts=new)))
    again = Played(engine, replace(asked, performance=script), dict(script))
    assert again.codes() == first.codes()


def test_closing_the_iterator_ends_it(engine: Engine) -> None:
    items: Iterator[Frame | AudioBlock] = engine.generate(request(), FrameKnobs)
    next(items)
    items.close()  # type: ignore[attr-defined]
    assert next(items, None) is None


def test_what_it_says_of_itself_survives_the_pipe(engine: Engine) -> None:
    assert pickle.loads(pickle.dumps(engine.info)) == engine.info
    for name, span in engine.info.knobs.items():
        assert span.minimum < span.maximum, name


def test_every_frame_knob_may_have_any_value_in_range(engine: Engine) -> None:
    spans = engine.info.knobs
    for pick in ("minimum", "maximum"):
        values = {
            name: getattr(spans[name], pick)
            for name in ("cfg", "temperature", "top_k", "morph")
            if name in spans
        }
        script = {0: FrameKnobs(**values)}
        assert np.isfinite(Played(engine, request(tags_b=("jazz",)), script).audio()).all()


@pytest.mark.slow
def test_endless_play_goes_on_beyond_its_window_and_follows_the_tempo(engine: Engine) -> None:
    if not engine.info.frames_per_beat:
        pytest.skip("its frames do not follow the beat")
    bar = 4 * engine.info.frames_per_beat
    indices, totals, lengths = [], set(), []
    asked = request(endless=True, bpm=120.0)
    knobs = iter(chain([FrameKnobs(bpm=120.0)] * bar, repeat(FrameKnobs(bpm=240.0))))
    for item in engine.generate(asked, lambda: next(knobs)):
        if isinstance(item, Frame):
            indices.append(item.index)
            totals.add(item.total)
            assert item.knobs.bpm == (120.0 if item.index < bar else 240.0)
        elif isinstance(item, AudioBlock):
            lengths.append(len(item.samples))
            if len(lengths) == 33 * bar:  # more than LIVE_WINDOW of mini
                break
    assert indices == list(range(33 * bar))
    assert totals == {0}
    rate = engine.info.sample_rate
    for first, bpm in ((0, 120), (bar, 240), (32 * bar, 240)):
        assert abs(sum(lengths[first : first + bar]) - 240 * rate / bpm) <= bar
