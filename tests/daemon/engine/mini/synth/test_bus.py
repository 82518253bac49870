import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import butter, resample_poly, sosfilt

from mula_daemon.engine.mini.synth.bus import Bus
from mula_daemon.engine.mini.synth.ducking import Ducker
from mula_daemon.engine.mini.synth.limiter import Limiter

RATE = 48_000


@settings(deadline=None, max_examples=30)
@given(
    st.lists(st.tuples(st.integers(100, 7000), st.floats(0, 30)), min_size=1, max_size=6),
    st.integers(0, 99),
)
def test_the_limiter_holds_its_ceiling(blocks, seed):
    rng, limiter = np.random.default_rng(seed), Limiter(RATE)
    for n, gain in blocks:
        block = (gain * rng.standard_normal((2, n))).astype(np.float32)
        limited = limiter.render(block)
        assert limited.shape == block.shape
        assert np.abs(limited).max() <= 0.85


def test_true_peaks_of_loud_music_stay_under_one_decibel_below_full_scale():
    rng, bus = np.random.default_rng(3), Bus(RATE)
    t = np.arange(RATE) / RATE
    kick = np.exp(-(t % 0.125) / 0.03) * np.sin(2 * np.pi * 60 * t)
    hiss = sosfilt(butter(2, 10_000, fs=RATE, output="sos"), rng.standard_normal((2, RATE)))
    mix = np.float32(2.0) * (kick + 0.2 * hiss * np.exp(-(t % 0.125) / 0.02)).astype(np.float32)
    loud = np.concatenate([bus.render(block) for block in np.split(mix, 8, axis=1)], axis=1)
    assert 20 * np.log10(np.abs(resample_poly(loud, 4, 1, axis=1)).max()) < -0.9


def test_quiet_peaks_pass_the_limiter_untouched():
    block = (0.3 * np.random.default_rng(0).random((2, 6000))).astype(np.float32)
    np.testing.assert_array_equal(Limiter(RATE).render(block), block)


def test_silence_stays_silence_and_dc_is_taken_away():
    bus = Bus(RATE)
    assert not bus.render(np.zeros((2, 6000), np.float32)).any()
    for _ in range(8):
        steady = bus.render(np.full((2, 6000), 0.5, np.float32))
    assert np.abs(steady).max() < 1e-3


def test_it_comes_to_rest_after_the_music():
    bus = Bus(RATE)
    bus.render(np.ones((2, 6000), np.float32))
    for _ in range(40):
        rest = bus.render(np.zeros((2, 6000), np.float32))
    assert not rest.any()


def test_the_bass_is_mono():
    t = np.arange(RATE) / RATE
    low = (0.2 * np.sin(2 * np.pi * 50 * t)).astype(np.float32)
    apart = Bus(RATE).render(np.stack([low, -low]))
    together = Bus(RATE).render(np.stack([low, low]))
    assert np.abs(apart).max() < 0.35 * np.abs(together).max()


def test_ducking_drops_at_the_kick_and_recovers_without_steps():
    ducker = Ducker(120, RATE)
    gain = np.concatenate([ducker.render(6000, 1000 if i == 0 else None, 0.85) for i in range(6)])
    assert (gain[:1000] == 1.0).all()
    assert gain[1000 + RATE // 200] == pytest.approx(0.15, abs=0.02)
    assert gain[-1] == 1.0
    assert np.abs(np.diff(gain)).max() < 0.01


@settings(deadline=None, max_examples=40)
@given(st.lists(st.tuples(st.none() | st.integers(0, 5999), st.sampled_from([0, 0.45, 0.85]))))
def test_ducking_never_jumps_whatever_the_kicks(frames):
    ducker = Ducker(133.3, RATE)
    gains = [ducker.render(6000, kick, depth) for kick, depth in frames] or [np.ones(1)]
    gain = np.concatenate(gains)
    assert gain.shape == (6000 * len(frames) or 1,)
    assert gain.min() >= 0.14 and gain.max() <= 1.001
    assert np.abs(np.diff(gain)).max(initial=0) < 0.01
