"""What HeartMuLa's engine does besides the laws of every engine, on the reference's toy."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch

from mula_bridge.control.messages.reports import Notice
from mula_bridge.errors import Unavailable
from mula_daemon.audio.samples import Samples
from mula_daemon.clips.silence import long_silence
from mula_daemon.engine.heartmula.model.device import pick_device
from mula_daemon.engine.heartmula.model.engine import HeartMulaEngine, Item
from mula_daemon.engine.heartmula.model.streaming import StreamSettings
from mula_daemon.engine.lm.frame_loop import FrameLoop
from mula_daemon.engine.lm.language_model import Flavour
from mula_daemon.engine.lm.player import Player
from mula_daemon.engine.seam import AudioBlock, ClipRequest, Frame, FrameKnobs, Texts, Timing
from support.steady_machine import steady_machine

REFERENCE = Path(__file__).parents[4] / "data" / "heartmula_reference"
TOY = {
    "llama-tiny": Flavour(3, 4, 2, 64, 160, 2048),
    "llama-tiny-decoder": Flavour(2, 2, 1, 48, 96, 16),
}
QUICK = StreamSettings(first=4, context=4, hop=4, steps=1, guidance=1.0)
CLIP = ClipRequest("j", ("techno",), (3,), bpm=240, bars=1)  # 13 frames


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module", autouse=True)
def steady() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        steady_machine(patch, frame_s=0.01, step_s=0.004)
        yield


def warm(*, codec: str = "auto", may_end: bool = False) -> HeartMulaEngine:
    engine = HeartMulaEngine(
        REFERENCE, precision="float32", codec=codec, stream=QUICK, may_end=may_end, flavours=TOY
    )
    engine.warm_up()
    return engine


@pytest.fixture(scope="module")
def engine() -> HeartMulaEngine:
    return warm()


def sound(items: list[Item], take: int = 0) -> Samples:
    blocks = [i.samples for i in items if isinstance(i, AudioBlock) and i.take == take]
    return np.concatenate(blocks)


def said(items: list[Item]) -> list[str]:
    return [item.code for item in items if isinstance(item, Notice)]


def test_a_take_that_the_model_ends_is_silent_for_the_rest() -> None:
    wild = FrameKnobs(temperature=2.0, top_k=250)
    clip = ClipRequest("j", ("techno",), (1, 2, 3, 4), bpm=120, bars=1)
    items = list(warm(may_end=True).generate(clip, lambda: wild))
    frames = [item for item in items if isinstance(item, Frame)]
    ends = [
        next((f.index for f in frames if f.index and max(f.codes[take]) >= 63), None)
        for take in range(4)
    ]
    assert any(end is not None and end < 11 for end in ends)
    assert said(items).count("ended") == sum(end is not None for end in ends)
    for take, end in enumerate(ends):
        samples = sound(items, take)
        assert len(samples) == clip.samples(48_000)
        if end is not None:
            assert not samples[end * 3840 :].any()
            assert samples[: end * 3840].any()
            if end * 0.08 < 0.9:  # which is early: the guards of the daemon see it
                assert long_silence(samples, 48_000) == pytest.approx((end * 0.08, 2.0), abs=0.05)


def test_live_play_is_never_ended_by_the_model() -> None:
    """Where clips of the same seeds are: see the test before."""
    wild, frames = FrameKnobs(temperature=2.0, top_k=250), 40
    for seed in (1, 2, 3, 4):
        live = ClipRequest("j", ("techno",), (seed,), bpm=120, endless=True)
        items = warm(may_end=True).generate(live, lambda: wild)
        made = list(islice((item for item in items if isinstance(item, Frame)), frames))
        assert len(made) == frames and max(made[-1].codes[0]) < 63


def test_a_codec_that_comes_after_the_last_frame_sounds_the_same(engine: HeartMulaEngine) -> None:
    plain = list(engine.generate(CLIP, FrameKnobs))
    after = list(warm(codec="after").generate(CLIP, FrameKnobs))
    assert np.allclose(sound(plain), sound(after), atol=1e-5)
    kinds = [type(item) for item in after]
    assert kinds.index(AudioBlock) > max(i for i, kind in enumerate(kinds) if kind is Frame)


def test_running_out_of_memory_fails_the_clip_and_says_what_to_change(
    engine: HeartMulaEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise torch.OutOfMemoryError("tried to allocate 2 GiB")

    with monkeypatch.context() as patch:
        patch.setattr(FrameLoop, "step", full)
        with pytest.raises(Unavailable, match=r"--precision int8 .* --codec after or cpu"):
            list(engine.generate(CLIP, FrameKnobs))
    assert len(sound(list(engine.generate(CLIP, FrameKnobs)))) == 48_000


def test_a_clip_that_cannot_fit_is_refused_before_it_begins(
    engine: HeartMulaEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After what lies there for the next job was given up; one that fits then is made."""
    free, forgotten = [2_000_000, 2_000_000], list[None]()
    monkeypatch.setattr(
        "mula_daemon.engine.heartmula.model.engine.free_memory", lambda device: free.pop(0)
    )
    monkeypatch.setattr(Player, "forget", lambda player: forgotten.append(None))
    many = ClipRequest("j", ("techno",), (1, 2, 3, 4, 5, 6), bpm=60, bars=8)
    with pytest.raises(Unavailable, match=r"6 takes of 32 s need .* fit; take fewer takes"):
        next(engine.generate(many, FrameKnobs))
    assert forgotten == [None]
    free = [0, 0]
    with pytest.raises(Unavailable, match=r"^live play needs .* are free; take fewer takes"):
        next(engine.generate(replace(CLIP, endless=True), FrameKnobs))
    forgotten.pop()
    free = [0, 10**12]
    assert len(sound(list(engine.generate(CLIP, FrameKnobs)))) == 48_000
    assert forgotten == [None, None]


def test_weights_that_do_not_fit_are_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise torch.OutOfMemoryError("tried to allocate 8 GiB")

    monkeypatch.setattr("mula_daemon.engine.heartmula.model.engine.StaticModel", full)
    with pytest.raises(Unavailable, match=r"does not fit.*mula doctor"):
        warm()


def test_tags_are_commented_on_and_never_refused(engine: HeartMulaEngine) -> None:
    items = list(engine.generate(ClipRequest("j", (), (3,), bpm=240, bars=1), FrameKnobs))
    assert said(items) == ["tags"]
    assert len(sound(items)) == 48_000


def test_a_clip_that_falls_behind_its_pace_hurries_the_codec(engine: HeartMulaEngine) -> None:
    rushed = ClipRequest("j", ("techno",), (3,), bpm=120, bars=1, pace=1e6)
    items = list(engine.generate(rushed, FrameKnobs))
    assert "codec_steps" not in said(items)  # one step and no guidance: there is nothing to give up
    engine._stream = StreamSettings(first=4, context=4, hop=4, steps=4, guidance=1.25)
    items = list(engine.generate(rushed, FrameKnobs))
    engine._stream = QUICK
    assert "codec_steps" in said(items)
    assert len(sound(items)) == 96_000


def test_it_says_what_to_expect_of_the_device(engine: HeartMulaEngine) -> None:
    assert engine.info.device == "cpu" or torch.cuda.is_available()
    note, live = engine.info.notes
    assert "HeartMuLa" in note
    assert live.startswith("live play makes 4 frames of sound at a time, after 4 known")


def test_without_memory_to_measure_live_play_clips_are_made_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def full(*_: object) -> float:
        raise torch.OutOfMemoryError("tried to allocate 3 GiB")

    monkeypatch.setattr("mula_daemon.engine.heartmula.model.engine.measure_frames", full)
    engine = warm()
    assert engine.info.burst_frames == 1
    assert engine.info.delay_seconds == pytest.approx(1.25 * 8 * 0.08)
    assert len(sound(list(engine.generate(CLIP, FrameKnobs)))) == 48_000


def test_a_device_that_is_not_there_is_named() -> None:
    assert pick_device("cpu").type == "cpu"
    with pytest.raises(Unavailable, match="no abacus device"):
        pick_device("abacus")


@pytest.mark.slow
def test_live_play_goes_on_beyond_its_window_with_sound_close_behind(
    engine: HeartMulaEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mula_daemon.engine.heartmula.model.engine.LIVE_WINDOW", 80)
    monkeypatch.setattr("mula_daemon.engine.heartmula.model.engine.LIVE_KEPT", 40)
    info, frame = engine.info, 3840
    assert round(info.frame_seconds * info.sample_rate) == frame
    clip = ClipRequest("live", ("techno",), (3,), endless=True, follows=Texts(("techno",)))
    jazz, frames, made = FrameKnobs(texts=Texts(("jazz",))), [], 0
    assert info.burst_frames == QUICK.hop
    for item in engine.generate(clip, lambda: jazz if len(frames) > 100 else FrameKnobs()):
        if isinstance(item, Frame):
            frames.append(item)
            assert (item.index, item.total) == (len(frames) - 1, 0)
            # The sound of all bursts before this one is made, but for a frame's, which the latents
            # after it belong to: none waits for the next burst.
            assert made >= (item.index // QUICK.hop * QUICK.hop - 1) * frame
        elif isinstance(item, AudioBlock):
            made += len(item.samples)
        if len(frames) == 250:
            break
    (heard,) = (item.index for item in frames if item.knobs.texts is not None)
    assert 100 < heard < 110


def test_waiting_for_a_frames_time_is_no_work_that_the_codec_is_cut_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now_ns = 0
    monkeypatch.setattr("mula_daemon.engine.playing.perf_counter_ns", lambda: now_ns)
    monkeypatch.setattr(
        "mula_daemon.engine.heartmula.model.sound.perf_counter", lambda: now_ns / 1e9
    )
    stream = StreamSettings(first=4, context=4, hop=4, steps=4, guidance=1.5)
    engine = HeartMulaEngine(REFERENCE, precision="float32", stream=stream, flavours=TOY)
    engine.warm_up()
    clip = ClipRequest("live", ("techno",), (3,), endless=True)

    def in_time() -> FrameKnobs:
        nonlocal now_ns
        now_ns += 90_000_000  # a frame lasts 80 ms: all of its time and more goes by in waiting
        return FrameKnobs()

    items = list(islice(engine.generate(clip, in_time), 50))
    assert sum(isinstance(item, Frame) for item in items) > 32  # four windows were weighed
    assert "codec_steps" not in said(items)


def test_bursts_that_get_longer_while_it_plays_leave_nothing_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stream = StreamSettings.parse("context=4,steps=1,guidance=1")
    engine = HeartMulaEngine(REFERENCE, precision="float32", stream=stream, flavours=TOY)
    engine.warm_up()
    assert engine.info.burst_frames == 2
    clock = iter(range(10**6))  # by which each window takes 0.15 s of the 0.16 that it lasts
    monkeypatch.setattr(
        "mula_daemon.engine.heartmula.model.burst_sound.perf_counter", lambda: next(clock) * 0.15
    )
    burst, left, made, frames = 2, 0, 0, 0
    for item in engine.generate(ClipRequest("live", ("techno",), (3,), endless=True), FrameKnobs):
        if isinstance(item, Frame):
            frames, left = frames + 1, (left or burst) - 1
        elif isinstance(item, AudioBlock):
            made += len(item.samples)
            assert left == 0 and made == (frames - 1) * 3840
        elif isinstance(item, Timing):
            assert left == 0
            burst = item.burst_frames
        if frames > 80:
            break
    assert burst > 2


def test_live_play_is_the_same_again_with_the_same_seed(engine: HeartMulaEngine) -> None:
    clip = ClipRequest("live", ("techno",), (3,), endless=True)

    def codes() -> list[tuple[int, ...]]:
        found = []
        for item in engine.generate(clip, FrameKnobs):
            if isinstance(item, Frame):
                found.append(item.codes[0])
            if len(found) == 20:
                break
        return found

    assert codes() == codes()


def test_a_codec_that_comes_after_the_last_frame_cannot_play_live() -> None:
    assert warm(codec="after").info.frame_seconds == 0


def test_tags_are_parted_by_commas_alone_as_in_training(engine: HeartMulaEngine) -> None:
    prompt = engine._prompt((" Techno", "dark ", "slow  burn"), "la", 0)
    assert engine._encoder is not None
    assert prompt == engine._encoder.encode("techno,dark,slow burn", "la")
