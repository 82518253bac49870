"""The sound of a job's takes: whole, ended early, held until the codec is there, and timed."""

from collections.abc import Callable

import numpy as np
import pytest
import torch

from mula_bridge.control.messages.reports import Notice
from mula_daemon.audio.samples import Samples
from mula_daemon.engine.heartmula.codec.heart_codec import GeneratorNoise, HeartCodec
from mula_daemon.engine.heartmula.model.sound import (
    ClipStream,
    CodecLane,
    DecodedTakes,
    Pending,
    measure_window,
)
from mula_daemon.engine.heartmula.model.streaming import StreamingDecoder, StreamSettings
from mula_daemon.engine.playing import MadeFrame
from mula_daemon.engine.seam import AudioBlock, ClipRequest, FrameKnobs

RATE = 24  # samples per frame
CODES = torch.randint(0, 11, (20, 2, 3), generator=torch.Generator().manual_seed(0)).numpy()
HOW = StreamSettings(first=6, context=4, hop=3, steps=1, guidance=1.0)


def played(
    codec: HeartCodec, length: int | None, *, ends: int = 20, hold: bool = False
) -> list[Samples]:
    """Of two takes, the first of which ends after ``ends`` frames."""
    noises = [GeneratorNoise(torch.Generator().manual_seed(seed)) for seed in (1, 2)]
    lane = CodecLane(codec.device)
    stream = ClipStream(StreamingDecoder(codec, noises, HOW), lane, RATE, length, hold=hold)
    pieces = []
    for at, frame in enumerate(CODES):
        if at >= ends:
            stream.end(0)
            frame = np.array([[99, 99, 99], frame[1]])
        stream.push(frame)
        pieces += stream.ready()
    assert bool(pieces) is not hold
    assert all(piece.took_s > 0 for piece in pieces)
    stream.finish()
    assert stream.ended == ({0} if ends < 20 else set())
    rest = stream.rest()
    return [
        np.concatenate([*(piece.samples[take] for piece in pieces), *rest[take]]) for take in (0, 1)
    ]


@pytest.mark.parametrize("length", [20 * RATE, 20 * RATE - 7, 17 * RATE + 1, 4 * RATE])
def test_it_is_as_long_as_was_asked_for(codec: HeartCodec, length: int) -> None:
    for sound, whole in zip(played(codec, length), played(codec, None), strict=True):
        assert sound.shape == (length, 2)
        assert np.array_equal(sound, whole[:length])


@pytest.mark.parametrize("ends", [1, 6, 9, 19])
@pytest.mark.parametrize("hold", [False, True])
def test_a_take_that_ends_is_silent_from_there_on(codec: HeartCodec, ends: int, hold: bool) -> None:
    sound, other = played(codec, 20 * RATE, ends=ends, hold=hold)
    assert sound.shape == other.shape == (20 * RATE, 2)
    assert np.abs(sound[: ends * RATE]).max() > 0
    assert not sound[ends * RATE :].any()
    assert np.allclose(other, played(codec, 20 * RATE)[1], atol=1e-6)


def test_for_ever_a_take_that_ends_has_no_more_sound(codec: HeartCodec) -> None:
    sound, other = played(codec, None, ends=9)
    assert (len(sound), len(other)) == (9 * RATE, 20 * RATE)


def test_held_codes_sound_the_same(codec: HeartCodec) -> None:
    held, plain = (played(codec, 20 * RATE, hold=hold) for hold in (True, False))
    assert np.allclose(held, plain, atol=1e-6)


def live(codec: HeartCodec, how: StreamSettings) -> list[AudioBlock | Notice]:
    clip = ClipRequest("j", ("techno",), (1, 2), endless=True)
    takes, found = DecodedTakes(clip, codec, how, CodecLane(codec.device), None), []
    for frame in CODES:
        made = MadeFrame(tuple(tuple(map(int, row)) for row in frame), FrameKnobs())
        found += takes.add(made, 0.0)
    return found


def test_sound_is_final_up_to_a_frame_before_the_last_known(codec: HeartCodec) -> None:
    found = live(codec, StreamSettings(first=4, context=6, hop=3, steps=1, guidance=1.0))
    blocks = [(item.take, len(item.samples)) for item in found if isinstance(item, AudioBlock)]
    assert blocks == [(take, 3 * RATE) for _ in range(6) for take in (0, 1)]


def test_windows_that_take_too_long_are_cut_short(
    codec: HeartCodec, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What counts is the time that the codec's device took, not what the host waited."""
    how = StreamSettings(first=4, context=6, hop=3, steps=10, guidance=1.0)
    monkeypatch.setattr(
        "mula_daemon.engine.heartmula.model.sound.Pending.took_s", property(lambda _: 0.3)
    )
    found = live(codec, how)
    said = [item for item in found if isinstance(item, Notice)]
    assert [item.code for item in said] == ["codec_steps"] * 3
    assert "took 1.25 s" in said[1].text


@pytest.mark.parametrize("takes", [1, 2])
def test_a_window_can_be_measured_before_there_is_music(codec: HeartCodec, takes: int) -> None:
    lengths = []
    with pytest.MonkeyPatch.context() as patch:
        inner = codec.window
        patch.setattr(
            codec, "window", lambda codes, *rest: lengths.append(codes.shape) or inner(codes, *rest)
        )
        assert measure_window(codec, HOW, CodecLane(codec.device), takes) > 0
    assert lengths == [(takes, 3, 4)] + [(takes, 3, 7)] * 4


class LateEvent:
    """Happens when it is waited for, and not before."""

    def query(self) -> bool:
        return False

    def synchronize(self) -> None: ...

    def elapsed_time(self, other: object) -> float:
        return 40.0


class LateLane(CodecLane):
    """As a card whose windows take a while."""

    def start(self, work: Callable[[], torch.Tensor]) -> Pending:
        events = (LateEvent(), LateEvent())
        return Pending(super().start(work).host, events)  # type: ignore[arg-type]


def test_windows_of_any_length_are_waited_for_where_it_is_asked_for(codec: HeartCodec) -> None:
    """Their sound is as long as the codes, but for a frame's, which waits for latents to come."""
    clip = ClipRequest("j", ("techno",), (1, 2), endless=True)
    how = StreamSettings(first=3, context=4, hop=3, steps=1, guidance=1.0)
    takes = DecodedTakes(clip, codec, how, LateLane(codec.device), None)
    pushed, heard = 0, [0, 0]
    for hop in (3, 3, 1, 5, 2):
        takes.resize(hop)
        for frame in CODES[pushed : pushed + hop]:
            assert list(takes.add(MadeFrame(frame.tolist(), FrameKnobs()), 0.0)) == []
        pushed += hop
        for block in takes.settle():
            assert isinstance(block, AudioBlock)
            heard[block.take] += len(block.samples)
        assert heard == [(pushed - 1) * RATE] * 2
