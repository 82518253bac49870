"""One take's sound: whole, ended early, and held until the codec is there."""

import numpy as np
import pytest
import torch

from mula_daemon.audio.samples import Samples
from mula_daemon.engine.heartmula.codec.heart_codec import GeneratorNoise, HeartCodec
from mula_daemon.engine.heartmula.model.sound import ClipStream, CodecLane
from mula_daemon.engine.heartmula.model.streaming import StreamingDecoder, StreamSettings

RATE = 24  # samples per frame
CODES = torch.randint(0, 11, (20, 3), generator=torch.Generator().manual_seed(0)).numpy()
HOW = StreamSettings(first=6, context=4, hop=3, steps=1, guidance=1.0)


def played(codec: HeartCodec, codes: np.ndarray, length: int, *, hold: bool = False) -> Samples:
    noise = GeneratorNoise(torch.Generator().manual_seed(1))
    stream = ClipStream(
        StreamingDecoder(codec, noise, HOW), CodecLane(codec.device), length, hold=hold
    )
    found = []
    for frame in codes:
        stream.push(frame)
        found += stream.ready()
    assert bool(found) is not hold
    stream.end()
    stream.end()
    found += stream.rest()
    assert stream.ended
    return np.concatenate(found)


@pytest.mark.parametrize("length", [20 * RATE, 20 * RATE - 7, 17 * RATE + 1])
def test_it_is_as_long_as_was_asked_for(codec: HeartCodec, length: int) -> None:
    sound = played(codec, CODES, length)
    assert sound.shape == (length, 2)
    assert np.array_equal(sound, played(codec, CODES, 20 * RATE)[:length])


def test_a_take_that_ends_is_silent_from_there_on(codec: HeartCodec) -> None:
    sound = played(codec, CODES[:9], 20 * RATE)
    assert sound.shape == (20 * RATE, 2)
    assert np.abs(sound[: 9 * RATE]).max() > 0
    assert not sound[9 * RATE :].any()


def test_held_codes_sound_the_same(codec: HeartCodec) -> None:
    held, plain = (played(codec, CODES, 20 * RATE, hold=hold) for hold in (True, False))
    assert np.allclose(held, plain, atol=1e-6)
