"""Recorded windows are what they are when they are computed anew, whatever turns meanwhile."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from mula_daemon.engine.heartmula.codec.graphs import WindowShape
from mula_daemon.engine.heartmula.codec.heart_codec import GeneratorNoise, HeartCodec
from mula_daemon.engine.heartmula.codec.precision import Arithmetic
from mula_daemon.engine.heartmula.model.effort import Effort
from mula_daemon.engine.heartmula.model.sound import (
    CodecLane,
    DecodedTakes,
    measure_window,
    record_windows,
)
from mula_daemon.engine.heartmula.model.streaming import StreamingDecoder, StreamSettings
from mula_daemon.engine.playing import MadeFrame
from mula_daemon.engine.seam import ClipRequest, FrameKnobs
from support.fake_graph import FakeRecorder

HOW = StreamSettings(first=3, context=5, hop=2, steps=3, guidance=1.5)


@pytest.fixture
def recorder(codec: HeartCodec) -> Iterator[FakeRecorder]:
    made = FakeRecorder()
    codec.record_with(made)
    yield made
    codec.record_with(None)


class Turning(Effort):
    """Other steps and another guidance for each window, none of it announced."""

    def __init__(self) -> None:
        super().__init__(3, 1.5, deadline=False)
        self._reads = 0

    @property
    def steps(self) -> int:
        self._reads += 1
        return (3, 1, 4, 2)[self._reads % 4]

    @property
    def guidance(self) -> float:
        return (1.5, 1.0, 2.5)[self._reads % 3]


def codes(frames: int, takes: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 11, (takes, 3, frames))


def sound(
    codec: HeartCodec,
    takes: int = 1,
    frames: int = 20,
    resized: int = 2,
    flow: Arithmetic = Arithmetic.LOADED,
) -> np.ndarray:
    """With windows of ``resized`` frames in its second half."""
    noises = [GeneratorNoise(torch.Generator().manual_seed(seed)) for seed in range(takes)]
    decoder = StreamingDecoder(codec, noises, replace(HOW, flow=flow), Turning(), endless=True)
    pushed = []
    for at in range(frames):
        if at == frames // 2:
            decoder.resize(resized)
        pushed.append(decoder.push(codes(frames, takes)[:, :, [at]]))
    return torch.cat([*pushed, decoder.finish()], dim=1).numpy()


@pytest.mark.parametrize("takes", [1, 3])
def test_recorded_windows_sound_the_same_and_no_turn_records(
    codec: HeartCodec, recorder: FakeRecorder, takes: int
) -> None:
    codec.record_with(None)
    wanted = sound(codec, takes)
    codec.record_with(recorder)
    record_windows(codec, HOW, CodecLane(codec.device), takes=takes)
    # 0 + 3, 2 + 2 and 5 + 2 frames, with guidance and without; the sound of 2 frames.
    assert HOW.windows() == [(0, 3), (2, 2), (5, 2)]
    assert len(recorder.graphs) == codec.graphs.recordings == 7
    for _ in range(2):  # the second job finds nothing of the first
        before = [graph.replays for graph in recorder.graphs]
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(codec.flow, "solve", lambda *_: pytest.fail("computed anew"))
            assert np.allclose(sound(codec, takes), wanted, rtol=1e-5, atol=1e-6)
        went = [graph.replays - was for graph, was in zip(recorder.graphs, before, strict=True)]
        # Euler steps, and sound, but for the first window's, which is no stretch like the others.
        assert sum(went) == sum((1, 4, 2, 3, 1, 4, 2, 3, 1, 4)) + 9
        assert codec.graphs.recordings == 7


def test_what_is_not_recorded_is_run_as_it_is(codec: HeartCodec, recorder: FakeRecorder) -> None:
    wanted = sound(codec, 2)
    record_windows(codec, HOW, CodecLane(codec.device))
    assert np.array_equal(sound(codec, 2), wanted)
    assert not any(graph.replays for graph in recorder.graphs)


def test_two_streams_at_once_do_not_share_what_they_remember(
    codec: HeartCodec, recorder: FakeRecorder
) -> None:
    record_windows(codec, HOW, CodecLane(codec.device))
    latents = torch.randn(2, 1, 4, 4, generator=torch.Generator().manual_seed(0))
    wanted = [codec.waveform.decode(torch.cat([each] * 3, dim=1)[0]) for each in latents]
    streams = [codec.graphs.stream(1) for _ in latents]
    parts: list[list[torch.Tensor]] = [[], []]
    for _ in range(3):
        for part, stream, each in zip(parts, streams, latents, strict=True):
            part.append(stream.push(each))
    for part, stream, each in zip(parts, streams, wanted, strict=True):
        assert torch.allclose(torch.cat([*part, stream.finish()], dim=1)[0], each, atol=1e-6)


def test_a_window_is_measured_as_it_will_be_played(
    codec: HeartCodec, recorder: FakeRecorder
) -> None:
    assert measure_window(codec, HOW, CodecLane(codec.device)) > 0
    steps, heard = recorder.graphs
    assert (steps.replays, heard.replays) == (4 * 3, 4)
    codec.graphs.prepare(WindowShape(1, 5, 2, guided=False))
    assert len(recorder.graphs) == 3  # the steps without guidance are new


def test_a_stream_may_change_its_hop_and_record_nothing(
    codec: HeartCodec, recorder: FakeRecorder
) -> None:
    codec.record_with(None)
    wanted = sound(codec, resized=3)
    codec.record_with(recorder)
    record_windows(codec, HOW, CodecLane(codec.device), hops=(2, 3))
    recorded = len(recorder.graphs)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(codec.flow, "solve", lambda *_: pytest.fail("computed anew"))
        assert np.allclose(sound(codec, resized=3), wanted, rtol=1e-5, atol=1e-6)
    assert len(recorder.graphs) == recorded == 7 + 3


def test_a_job_records_what_it_lacks_before_its_first_frame(
    codec: HeartCodec, recorder: FakeRecorder
) -> None:
    lane = CodecLane(codec.device)
    record_windows(codec, HOW, lane)
    assert len(recorder.graphs) == 7
    for seeds, recorded in (((1,), 7), ((1, 2), 14), ((3, 4), 14)):
        clip = ClipRequest("j", ("techno",), seeds, endless=True)
        takes = DecodedTakes(clip, codec, HOW, lane, None)
        assert len(recorder.graphs) == recorded
        before = [graph.replays for graph in recorder.graphs]
        frame = tuple((1, 2, 3) for _ in seeds)
        for _ in range(9):
            list(takes.add(MadeFrame(frame, FrameKnobs()), 0.0))
        assert [graph.replays for graph in recorder.graphs] != before
        assert len(recorder.graphs) == recorded


@pytest.mark.parametrize("flow", [Arithmetic.BFLOAT16, Arithmetic.TF32])
def test_each_arithmetic_is_recorded_for_itself(
    codec: HeartCodec, recorder: FakeRecorder, flow: Arithmetic
) -> None:
    codec.record_with(None)
    wanted, full = sound(codec, flow=flow), sound(codec)
    codec.record_with(recorder)
    record_windows(codec, replace(HOW, flow=flow), CodecLane(codec.device))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(codec.flow, "solve", lambda *_: pytest.fail("computed anew"))
        assert np.allclose(sound(codec, flow=flow), wanted, rtol=1e-5, atol=1e-6)
    assert len(recorder.graphs) == 7
    assert np.array_equal(sound(codec), full)  # no recording is of that


def test_what_cannot_be_recorded_is_said_and_costs_only_time(
    codec: HeartCodec, caplog: pytest.LogCaptureFixture
) -> None:
    wanted, tries = sound(codec), []

    def refuses(work: Any) -> Any:
        tries.append(work)
        raise RuntimeError("operation not permitted when stream is capturing")

    codec.record_with(refuses)
    record_windows(codec, HOW, CodecLane(codec.device))
    assert "not permitted" in caplog.text
    assert len(tries) == 1
    assert np.array_equal(sound(codec), wanted)
    codec.record_with(None)


def test_memory_that_runs_out_leaves_what_is_recorded(
    codec: HeartCodec, recorder: FakeRecorder, caplog: pytest.LogCaptureFixture
) -> None:
    lane = CodecLane(codec.device)
    record_windows(codec, HOW, lane)

    def full(*_: object) -> None:
        raise torch.OutOfMemoryError("tried to allocate 2 GiB")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(codec.flow, "velocities", full)
        record_windows(codec, HOW, lane, takes=4)
    assert "no memory" in caplog.text
    assert len(recorder.graphs) == 7
    sound(codec)
    assert any(graph.replays for graph in recorder.graphs)
    record_windows(codec, HOW, lane, takes=4)
    assert len(recorder.graphs) == 14


def test_a_codec_that_moves_keeps_no_recording(codec: HeartCodec, recorder: FakeRecorder) -> None:
    record_windows(codec, HOW, CodecLane(codec.device))
    codec.to("cpu")
    sound(codec)
    assert not any(graph.replays for graph in recorder.graphs)
