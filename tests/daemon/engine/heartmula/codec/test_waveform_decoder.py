"""However a clip's latents are cut, they sound as if all were decoded at once."""

from itertools import pairwise

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from mula_daemon.bench.random_codec import CODECS
from mula_daemon.engine.heartmula.codec.heart_codec import HeartCodec
from mula_daemon.engine.heartmula.codec.waveform_decoder import (
    CHUNK,
    DILATIONS,
    WaveformDecoder,
    WaveformStream,
)
from support.fake_graph import FakeRecorder

RATE = 12  # samples per latent
LOOK_BACK = 29  # latents, of these sizes


def some(latents: int) -> Tensor:
    return torch.randn(latents, 4, generator=torch.Generator().manual_seed(3))


def at_once(decoder: WaveformDecoder, latents: Tensor) -> Tensor:
    """[L, D] -> [S, channels] in one pass over each channel, by the weights alone."""
    weights = {name: weight.detach() for name, weight in decoder.state_dict().items()}
    return torch.stack([_channel(weights, c) for c in latents.split(2, dim=1)], dim=1)


def _channel(weights: dict[str, Tensor], latents: Tensor) -> Tensor:
    """[L, D / channels] -> [S] with the sizes of ``conftest.py``."""

    def conv(x: Tensor, name: str, dilation: int = 1, ahead: int = 0) -> Tensor:
        weight, bias = (weights[f"{name}.{part}"] for part in ("weight", "bias"))
        reach = dilation * (weight.shape[-1] - 1)
        return F.conv1d(F.pad(x, (reach - ahead, ahead)), weight, bias, dilation=dilation)

    def prelu(x: Tensor, name: str) -> Tensor:
        return F.prelu(x, weights[f"{name}.weight"])

    x = conv(torch.round(9 * latents.T[None]) / 9, "decoder.0", ahead=2)
    for stage, factor in ((1, 3), (2, 2)):
        name = f"decoder.{stage}"
        up = f"{name}.up_conv.layer"
        x = F.conv_transpose1d(x, weights[f"{up}.weight"], weights[f"{up}.bias"], stride=factor)
        x = x[..., :-factor]
        for index, dilation in enumerate(DILATIONS):
            unit = f"{name}.convs.{index}"
            y = prelu(conv(x, f"{unit}.conv1", dilation), f"{unit}.activation1")
            x = x + prelu(conv(y, f"{unit}.conv2"), f"{unit}.activation2")
    x = prelu(conv(x.repeat_interleave(2, dim=-1), "decoder.3.conv"), "decoder.3.activation")
    return conv(x, "decoder.4")[0, 0]


def in_pieces(stream: WaveformStream, latents: Tensor, cuts: list[int]) -> Tensor:
    """[N, L, D] -> [N, S, channels], pushed in pieces that end at ``cuts``."""
    edges = [0, *sorted(cuts), latents.shape[1]]
    parts = [stream.push(latents[:, a:b]) for a, b in pairwise(edges)]
    return torch.cat([*parts, stream.finish()], dim=1)


def test_chunks_have_no_seams(codec: HeartCodec) -> None:
    latents = some(2 * CHUNK + 30)
    sound = codec.waveform.decode(latents)
    assert sound.shape == (len(latents) * RATE, 2)
    assert torch.allclose(sound, at_once(codec.waveform, latents), atol=1e-6)


@settings(max_examples=20, deadline=None)
@given(cuts=st.lists(st.integers(0, 90), max_size=12))
def test_however_latents_are_cut_it_is_the_whole_decode(codec: HeartCodec, cuts: list[int]) -> None:
    latents = some(90)
    sound = in_pieces(WaveformStream(codec.waveform), latents[None], cuts)[0]
    assert sound.shape == (90 * RATE, 2)
    assert torch.allclose(sound, at_once(codec.waveform, latents), atol=1e-5)


@settings(max_examples=10, deadline=None)
@given(latents=st.integers(1, 12))
def test_one_latent_at_a_time_gives_sound_from_the_third_on(
    codec: HeartCodec, latents: int
) -> None:
    stream, given = WaveformStream(codec.waveform), some(latents)
    parts = [stream.push(latent[None, None]) for latent in given]
    assert [part.shape[1] for part in parts] == ([0, 0] + latents * [RATE])[:latents]
    sound = torch.cat([*parts, stream.finish()], dim=1)[0]
    assert torch.allclose(sound, at_once(codec.waveform, given), atol=1e-5)


def test_nothing_pushed_is_nothing_heard(codec: HeartCodec) -> None:
    stream = WaveformStream(codec.waveform, rows=3)
    assert stream.push(torch.empty(3, 0, 4)).shape == (3, 0, 2)
    assert stream.finish().shape == (3, 0, 2)


@settings(max_examples=10, deadline=None)
@given(rows=st.integers(1, 4), cuts=st.lists(st.integers(0, 100), max_size=4))
def test_takes_side_by_side_are_each_alone(codec: HeartCodec, rows: int, cuts: list[int]) -> None:
    latents = some(100 * rows).view(rows, 100, 4)
    together = in_pieces(WaveformStream(codec.waveform, rows), latents, cuts)
    for take in range(rows):
        alone = in_pieces(WaveformStream(codec.waveform), latents[take : take + 1], [])
        assert torch.allclose(together[take], alone[0], atol=1e-5)


@pytest.mark.parametrize("rows", [1, 3])
def test_no_more_than_a_chunk_is_worked_on_at_once(codec: HeartCodec, rows: int) -> None:
    lengths = []
    last = codec.waveform.decoder[-1]
    hook = last.register_forward_pre_hook(lambda _, args: lengths.append(args[0].shape))
    WaveformStream(codec.waveform, rows).push(torch.zeros(rows, 3 * CHUNK, 4))
    hook.remove()
    assert sum(length for *_, length in lengths) == (3 * CHUNK - 2) * RATE
    assert max(rows * length for rows, _, length in lengths) <= 2 * CHUNK * RATE


def test_a_stream_begins_again_in_the_same_memory(codec: HeartCodec) -> None:
    stream, latents = WaveformStream(codec.waveform), some(20)[None]
    wanted = in_pieces(stream, latents, [3, 9])
    kept = memory_of(stream)
    stream.reset()
    assert torch.equal(in_pieces(stream, latents, [3, 9]), wanted)
    assert memory_of(stream) == kept


def memory_of(stream: WaveformStream) -> list[int]:
    return [past.data_ptr() for past in stream._past.values()]


def test_a_steady_push_can_be_recorded_and_replayed(codec: HeartCodec) -> None:
    latents, stream = some(40)[None], WaveformStream(codec.waveform)
    taken, heard = torch.empty(1, 4, 4), torch.empty(1, 4 * RATE, 2)

    def step() -> None:
        heard.copy_(stream.push(taken))

    parts = [stream.push(latents[:, :6])]
    kept = memory_of(stream)
    taken.copy_(latents[:, 6:10])
    replay = FakeRecorder()(step)  # which does it once
    parts.append(heard.clone())
    for at in range(10, 38, 4):
        taken.copy_(latents[:, at : at + 4])
        replay()
        parts.append(heard.clone())
    parts += [stream.push(latents[:, 38:]), stream.finish()]
    sound = torch.cat(parts, dim=1)[0]
    assert torch.allclose(sound, at_once(codec.waveform, latents[0]), atol=1e-5)
    assert memory_of(stream) == kept


def test_two_frames_cost_no_more_than_their_share_of_a_whole_decode() -> None:
    """Counted at the published sizes; with 46 latents read again it was twelve times as much."""
    with torch.device("meta"):
        decoder = WaveformDecoder(CODECS["3b"])
        stream = WaveformStream(decoder)
        stream.push(torch.empty(1, 4, 256))
        with FlopCounterMode(display=False) as streamed:
            stream.push(torch.empty(1, 4, 256))
        with FlopCounterMode(display=False) as whole:
            decoder.decode(torch.empty(50, 256))
    assert streamed.get_total_flops() < 1.1 * whole.get_total_flops() * 4 / 50


@settings(max_examples=15, deadline=None)
@given(stop=st.integers(0, 90))
def test_what_lies_behind_the_stop_is_heard_in_what_lies_before(
    codec: HeartCodec, stop: int
) -> None:
    latents = some(90)
    sound = codec.waveform.decode(latents, stop)
    assert sound.shape == (stop * RATE, 2)
    assert torch.allclose(sound, codec.waveform.decode(latents)[: stop * RATE], atol=1e-6)


def test_a_latent_is_heard_from_two_before_it_until_convolutions_forget(codec: HeartCodec) -> None:
    latents, at = some(90), 45
    changed = latents.clone()
    changed[at] += 3.0
    differs = codec.waveform.decode(latents) != codec.waveform.decode(changed)
    heard = differs.any(1).view(-1, RATE).any(1).nonzero().flatten() - at  # in latents
    assert heard[0] == -codec.waveform.look_ahead == -2
    assert 0 < heard[-1] <= LOOK_BACK


def test_channels_do_not_mix(codec: HeartCodec) -> None:
    latents = some(10)
    changed = latents.clone()
    changed[:, 2:] += 1.0
    left, right = (codec.waveform.decode(changed) - codec.waveform.decode(latents)).abs().sum(0)
    assert left == 0
    assert right > 0


def test_latents_are_heard_in_ninths(codec: HeartCodec) -> None:
    latents = torch.round(some(10) * 9) / 9
    nudged = codec.waveform.decode(latents + 0.04)
    assert torch.equal(nudged, codec.waveform.decode(latents))
