"""Streaming a clip is decoding it, window by window, without a seam."""

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from mula_bridge.errors import BadInput, UnknownName
from mula_daemon.audio.samples import Samples
from mula_daemon.engine.heartmula.codec.heart_codec import (
    HOP,
    OVERLAP,
    WINDOW,
    GeneratorNoise,
    HeartCodec,
)
from mula_daemon.engine.heartmula.codec.precision import Arithmetic
from mula_daemon.engine.heartmula.model.streaming import StreamingDecoder, StreamSettings

RATE = 24  # samples per frame
LOOK_BACK = 29  # latents that the codec of these tests still hears
QUICK: Any = {"steps": 2, "guidance": 1.5}
FULL = StreamSettings(first=WINDOW, context=OVERLAP, hop=HOP, **QUICK)


def codes(frames: int) -> Tensor:
    return torch.randint(0, 11, (3, frames), generator=torch.Generator().manual_seed(0))


def noise(seed: int = 1) -> GeneratorNoise:
    return GeneratorNoise(torch.Generator().manual_seed(seed))


def stream(codec: HeartCodec, clip: Tensor, how: StreamSettings, *cuts: int) -> Samples:
    decoder = StreamingDecoder(codec, [noise()], how)
    edges = [0, *sorted(cuts), clip.shape[1]]
    pieces = [clip[None, :, a:b] for a, b in pairwise(edges) if a < b]
    sounds = [*(decoder.push(piece) for piece in pieces), decoder.finish()]
    return torch.cat(sounds, dim=1)[0].numpy()


@pytest.mark.parametrize("frames", [1, 25, 371, WINDOW])
def test_within_a_full_window_it_is_a_full_decode(codec: HeartCodec, frames: int) -> None:
    clip = codes(frames)
    wanted = np.concatenate(list(codec.blocks(clip, noise(), **QUICK)))
    assert np.allclose(stream(codec, clip, FULL), wanted, atol=1e-6)


@pytest.mark.parametrize("frames", [373, 424, 692, 900])
def test_full_windows_are_a_full_decode_but_for_its_fades(codec: HeartCodec, frames: int) -> None:
    clip = codes(frames)
    wanted = np.concatenate(list(codec.blocks(clip, noise(), **QUICK)))
    sound = stream(codec, clip, FULL)
    assert sound.shape == wanted.shape
    differs = np.abs(sound - wanted).max(1).reshape(frames, RATE).max(1) > 1e-6  # per frame
    fades = np.zeros(frames, dtype=bool)
    for start in range(HOP, frames, HOP):
        fades[start : start + OVERLAP] = True
    assert not differs[~fades].any()
    # And there, only where the new window lacks a past or the old one a future.
    lacking = LOOK_BACK // 2 + 1
    since = np.arange(frames) % HOP
    assert not (differs & (since > lacking) & (since < OVERLAP - 1)).any()


@pytest.mark.slow
@settings(max_examples=15)
@given(data=st.data())
def test_it_does_not_matter_how_the_codes_are_cut(codec: HeartCodec, data: st.DataObject) -> None:
    frames = data.draw(st.integers(1, 60))
    how = StreamSettings(
        first=data.draw(st.integers(1, 30)),
        context=data.draw(st.integers(0, 20)),
        hop=data.draw(st.integers(1, 20)),
        steps=1,
        guidance=1.0,
    )
    cuts = data.draw(st.lists(st.integers(1, 60).filter(lambda cut: cut < frames), max_size=5))
    clip = codes(frames)
    whole = stream(codec, clip, how)
    assert whole.shape == (frames * RATE, 2)
    assert np.allclose(stream(codec, clip, how, *cuts), whole, atol=1e-6)


def test_short_windows_have_no_seams(codec: HeartCodec) -> None:
    """The latents of all windows side by side, decoded at once, sound the same."""
    how = StreamSettings(first=20, context=8, hop=10, steps=2)
    clip, drawn = codes(70), []
    inner = codec.flow.solve

    def solve(codes: Tensor, context: Tensor, *rest: Any) -> Tensor:
        latents = inner(codes, context, *rest)
        assert torch.equal(latents[:, : context.shape[1]], context)
        drawn.append(latents[0, context.shape[1] :])
        return latents

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(codec.flow, "solve", solve)
        sound = stream(codec, clip, how, *range(70))
    latents = torch.cat(drawn)
    assert [len(part) for part in drawn] == [40, 20, 20, 20, 20, 20]
    assert np.allclose(sound, codec.waveform.decode(latents).numpy(), atol=1e-6)


def test_sound_comes_as_soon_as_a_window_is_full(codec: HeartCodec) -> None:
    decoder = StreamingDecoder(codec, [noise()], StreamSettings(first=20, context=8, hop=10))
    clip = codes(35)
    held = 2 * RATE // 2  # the sound of two latents
    frames = [decoder.push(clip[None, :, at : at + 1]).shape[1] for at in range(35)]
    assert {at: samples for at, samples in enumerate(frames) if samples} == {
        19: 20 * RATE - held,
        29: 10 * RATE,
    }
    assert decoder.finish().shape == (1, 5 * RATE + held, 2)


def test_an_empty_clip_is_empty(codec: HeartCodec) -> None:
    assert StreamingDecoder(codec, [noise()]).finish().shape == (1, 0, 2)


def test_memory_stays_bounded(codec: HeartCodec) -> None:
    decoder = StreamingDecoder(codec, [noise()], StreamSettings(context=8, hop=10, steps=1))
    for _ in range(30):
        decoder.push(codes(10)[None])
    assert decoder._context.shape[1] == 2 * 8


def test_what_is_no_code_is_refused(codec: HeartCodec) -> None:
    with pytest.raises(BadInput, match="outside"):
        StreamingDecoder(codec, [noise()]).push(codes(3)[None] + 9)
    with pytest.raises(BadInput, match=r"\[2, 3, frames\]"):
        StreamingDecoder(codec, [noise()] * 2).push(codes(3)[None])


@pytest.mark.parametrize("guidance", [1.0, 1.5])
@pytest.mark.parametrize("ends", [0, 1, 11, 12, 13, 23, 30])
def test_takes_are_rows_that_sound_as_they_do_alone(
    codec: HeartCodec, ends: int, guidance: float
) -> None:
    """One of them ends early: within a window, at its edge, at once, or not at all."""
    how = StreamSettings(first=12, context=4, hop=5, steps=2, guidance=guidance)
    clip = torch.stack([codes(30), codes(30).flip(1), codes(30).flip(0)])
    decoder, sounds = StreamingDecoder(codec, [noise(1), noise(2), noise(3)], how), []
    for at in range(30):
        if at == ends:
            decoder.end(1)
        sounds.append(decoder.push(clip[:, :, at : at + 1]))
    sound = torch.cat([*sounds, decoder.finish()], dim=1).numpy()
    for take, frames in enumerate((30, ends, 30)):
        alone = StreamingDecoder(codec, [noise(take + 1)], how)
        wanted = [alone.push(clip[take : take + 1, :, :frames])] if frames else []
        wanted_sound = torch.cat([*wanted, alone.finish()], dim=1)[0].numpy()
        assert wanted_sound.shape == (frames * RATE, 2)
        assert np.allclose(sound[take, : frames * RATE], wanted_sound, rtol=1e-5, atol=1e-6)


def test_codes_wait_on_the_host_until_their_window_is_due(codec: HeartCodec) -> None:
    decoder = StreamingDecoder(codec, [noise()], StreamSettings(first=3, context=4, hop=2, steps=1))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(codec, "window", lambda *_: pytest.fail("computed too early"))
        decoder.add(codes(7)[None])
        assert isinstance(decoder._codes, np.ndarray)
    heard = []
    while decoder.due:
        assert decoder.steady is (len(heard) == 2)
        heard.append(decoder.window().shape[1])
    assert heard == [2 * RATE] * 3


@pytest.mark.parametrize("name", ["first", "hop", "steps"])
def test_settings_are_checked(name: str) -> None:
    with pytest.raises(BadInput, match=name):
        StreamSettings(**{name: 0})
    with pytest.raises(BadInput, match="context"):
        StreamSettings(context=-1)


def test_settings_are_read_from_words() -> None:
    read = StreamSettings.parse("hop=2, flow=bfloat16,guidance=1.5")
    assert (read.hop, read.flow, read.guidance) == (2, Arithmetic.BFLOAT16, 1.5)
    assert read.holds("flow") and not read.holds("steps")
    with pytest.raises(UnknownName, match="did you mean bfloat16"):
        StreamSettings.parse("flow=float16")


@pytest.mark.slow
@settings(max_examples=10, deadline=None)
@given(
    first=st.integers(1, 6),
    context=st.integers(0, 9),
    hop=st.integers(1, 6),
    cut=st.integers(1, 7),
)
def test_an_endless_stream_sounds_the_same_and_forgets_old_codes(
    codec: HeartCodec, first: int, context: int, hop: int, cut: int
) -> None:
    how, clip = StreamSettings(first=first, context=context, hop=hop, **QUICK), codes(60)
    endless = StreamingDecoder(codec, [noise()], how, endless=True)
    clipped = StreamingDecoder(codec, [noise()], how)
    for at in range(0, 60, cut):
        piece = clip[None, :, at : at + cut]
        assert torch.equal(endless.push(piece), clipped.push(piece))
        assert endless._codes.shape[2] <= context + max(first, hop) + cut
