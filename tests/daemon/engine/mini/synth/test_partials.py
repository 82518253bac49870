import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from mula_daemon.engine.mini.synth.partials import Modes, Partials

RATE = 48_000


def test_partials_are_damped_sines():
    modes = Modes([440.0, 1000.0, 150.0], [0.2, 0.01, 0.6], RATE)
    sound = Partials(modes, [0.5, 0.2, 0.1], 0.0).render(9000)[0]
    t = np.arange(9000) / RATE
    expected = sum(
        a * np.exp(-t / d) * np.sin(2 * np.pi * f * t)
        for f, a, d in [(440, 0.5, 0.2), (1000, 0.2, 0.01), (150, 0.1, 0.6)]
    )
    np.testing.assert_allclose(sound, expected, atol=1e-5)


@settings(deadline=None, max_examples=25)
@given(st.lists(st.integers(1, 4000), min_size=1, max_size=6))
def test_blocks_of_any_size_join(sizes):
    modes = Modes(np.linspace(80, 5000, 150), np.linspace(0.5, 0.01, 150), RATE)
    amplitudes = np.full((2, 150), 0.01)
    whole = Partials(modes, amplitudes).render(sum(sizes))
    split = Partials(modes, amplitudes)
    parts = np.concatenate([split.render(n) for n in sizes], axis=1)
    np.testing.assert_allclose(whole, parts, atol=2e-6)


def test_what_cannot_be_heard_is_left_out():
    modes = Modes([100.0, 23_900.0], [0.1, 0.1], RATE)
    assert len(modes.order) == 1


def test_they_die_away():
    partials = Partials(Modes([100.0, 300.0], [0.02, 0.01], RATE), [1.0, 1.0])
    assert not partials.done
    partials.render(RATE // 2)
    assert partials.done
    assert not partials.render(100).any()
