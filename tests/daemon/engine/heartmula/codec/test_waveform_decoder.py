"""Any stretch of a clip sounds as if all of it were decoded at once."""

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from mula_daemon.engine.heartmula.codec.heart_codec import HeartCodec
from mula_daemon.engine.heartmula.codec.waveform_decoder import CHUNK, WaveformDecoder

RATE = 12  # samples per latent


def some(latents: int) -> Tensor:
    return torch.randn(latents, 4, generator=torch.Generator().manual_seed(3))


def at_once(decoder: WaveformDecoder, latents: Tensor) -> Tensor:
    """[L, D] -> [S, channels] in one pass over each channel."""
    sounds = []
    with torch.inference_mode():
        for channel in latents.split(2, dim=1):
            x = torch.round(9 * channel.T[None]) / 9
            for layer in decoder.decoder:
                x = layer(x)
            sounds.append(x[0, 0])
    return torch.stack(sounds, dim=1)


def test_chunks_have_no_seams(codec: HeartCodec) -> None:
    latents = some(2 * CHUNK + 30)
    sound = codec.waveform.decode(latents)
    assert sound.shape == (len(latents) * RATE, 2)
    assert torch.allclose(sound, at_once(codec.waveform, latents), atol=1e-6)


@settings(max_examples=30)
@given(data=st.data())
def test_a_stretch_is_a_part_of_the_whole(codec: HeartCodec, data: st.DataObject) -> None:
    latents = some(90)
    start = data.draw(st.integers(0, 90))
    stop = data.draw(st.integers(start, 90))
    sound = codec.waveform.decode(latents, start, stop)
    wanted = codec.waveform.decode(latents)[start * RATE : stop * RATE]
    assert torch.allclose(sound, wanted, atol=1e-6)


def test_only_its_surroundings_change_a_latents_sound(codec: HeartCodec) -> None:
    latents, at = some(90), 45
    wanted = codec.waveform.decode(latents, at, at + 1)
    heard = []
    for other in range(90):
        changed = latents.clone()
        changed[other] += 3.0
        if not torch.equal(codec.waveform.decode(changed, at, at + 1), wanted):
            heard.append(other - at)
    assert heard[-1] == codec.waveform.look_ahead == 2
    assert -codec.waveform.look_back <= heard[0] < 0


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
