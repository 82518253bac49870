import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import fftconvolve

from mula_daemon.engine.mini.synth.convolver import Convolver, Response
from mula_daemon.engine.mini.synth.space import ECHO_SIXTEENTHS, Space

RATE = 48_000
SNARE = 1


@settings(deadline=None, max_examples=15)
@given(st.lists(st.integers(1, 1500), min_size=1, max_size=8), st.integers(0, 9))
def test_convolution_in_blocks_is_convolution_one_partition_late(sizes, seed):
    rng = np.random.default_rng(seed)
    # Short enough that every partition keeps all its bins.
    response = rng.standard_normal((2, 600)).astype(np.float32)
    convolver = Convolver(Response(response, 128))
    sound = rng.standard_normal(sum(sizes)).astype(np.float32)
    starts = np.cumsum([0, *sizes])
    parts = [
        convolver.render(sound[start : start + n], n)
        for start, n in zip(starts, sizes, strict=False)
    ]
    got = np.concatenate(parts, axis=1)
    wet = fftconvolve(np.stack([sound, sound]), response, axes=1)
    wanted = np.pad(wet, ((0, 0), (128, 0)))[:, : len(sound)]
    np.testing.assert_allclose(got, wanted, atol=2e-3)


def played(space: str, frames: int, click: bool = True) -> np.ndarray:
    reverb = Space(6000.0, RATE)
    out = []
    for frame in range(frames):
        stems = np.zeros((8, 2, 6000), np.float32)
        if frame == 0 and click:
            stems[SNARE, :, 0] = 1.0
        out.append(reverb.render(stems, space))
    return np.concatenate(out, axis=1)


def test_dry_gives_nothing_back():
    assert not played("dry", 4).any()


def test_a_hall_rings_longer_than_a_room():
    room, hall = played("room", 16), played("hall", 16)
    late = slice(RATE, 2 * RATE)
    assert np.abs(hall[:, late]).max() > 1e-4
    assert np.abs(room[:, late]).max() < 1e-6
    assert np.abs(hall[0] - hall[1]).max() > 1e-3


def test_echoes_come_every_dotted_eighth_on_alternating_sides():
    sound = np.abs(played("dub", 14))
    step = ECHO_SIXTEENTHS * 6000
    first, second = sound[:, step : step + 200].max(axis=1), sound[:, 2 * step :].max(axis=1)
    assert first[0] > 0.1 and first[1] == 0
    assert second[1] > second[0] > 0 or second[1] > 0.02
    assert sound[:, :step].max() == 0


def test_a_space_that_was_left_rings_on():
    space = Space(6000.0, RATE)
    stems = np.zeros((8, 2, 6000), np.float32)
    stems[SNARE, :, 0] = 1.0
    space.render(stems, "hall")
    silent = np.zeros_like(stems)
    later = [space.render(silent, "dry") for _ in range(40)]
    assert np.abs(later[3]).max() > 1e-4
    assert not later[-1].any()
