import numpy as np
import pytest

from mula_daemon.engine.mini.synth.oscillators import Bend, Oscillators, radians
from mula_daemon.engine.mini.synth.wavetables import row, wavetable

RATE = 48_000


def played(wave: str, hz: float, octaves: float, seconds: float = 1.0) -> np.ndarray:
    oscillators = Oscillators([hz], RATE, [0.0])
    phases = oscillators.advance(int(seconds * RATE))
    return wavetable(wave, 0.0).read(phases, np.full(1, octaves, np.float32))[0]


@pytest.mark.parametrize("wave", ["saw", "square", "pulse", "triangle"])
def test_nothing_aliases_even_wide_open(wave):
    hz = 1234.0
    sound = played(wave, hz, np.log2(0.25 * RATE / hz)).astype(float)
    spectrum = np.abs(np.fft.rfft(sound * np.hanning(len(sound)))) ** 2
    frequencies = np.fft.rfftfreq(len(sound), 1 / RATE)
    off = np.abs(frequencies / hz - np.round(frequencies / hz)) * hz
    aliased = spectrum[(off > 8) & (frequencies > 100)].sum() / spectrum.sum()
    assert 10 * np.log10(aliased) < -55


def test_a_lower_cutoff_takes_away_the_top():
    def brightness(octaves: float) -> float:
        spectrum = np.abs(np.fft.rfft(played("saw", 110.0, octaves).astype(float))) ** 2
        return float(spectrum[2000:].sum() / spectrum.sum())

    open_, half, closed = brightness(6.0), brightness(4.0), brightness(2.0)
    assert open_ > 4 * half > 16 * closed


def test_moving_between_rows_is_smooth():
    phases = Oscillators([110.0], RATE, [0.0]).advance(RATE)
    moving = wavetable("saw", 3.0).read(phases, np.linspace(0, 7, RATE, dtype=np.float32))
    resting = wavetable("saw", 3.0).read(phases, np.full(1, 7.0, np.float32))
    assert np.abs(np.diff(moving)).max() <= 1.1 * np.abs(np.diff(resting)).max()


def test_a_resting_row_is_what_moving_reads_there():
    table = wavetable("square", 1.0)
    phases = Oscillators([220.0], RATE, [0.1]).advance(1000)
    rows = np.array([[row(3.0)]], np.uint32)
    np.testing.assert_allclose(
        table.read_row(phases, rows), table.read(phases, np.full(1, 3.0, np.float32)), atol=1e-5
    )


def test_phases_run_on_from_block_to_block():
    whole = Oscillators([440.0, 441.3], RATE, [0.2, 0.7]).advance(5000)
    split = Oscillators([440.0, 441.3], RATE, [0.2, 0.7])
    parts = np.concatenate([split.advance(n) for n in (1, 1999, 3000)], axis=1)
    np.testing.assert_array_equal(whole, parts)


def test_a_bend_by_nothing_bends_nothing():
    straight = Oscillators([440.0], RATE, [0.0]).advance(4000)
    bent = Oscillators([440.0], RATE, [0.0]).advance(4000, np.ones(4000, np.float32))
    apart = np.sin(radians(straight)) - np.sin(radians(bent))
    assert np.abs(apart).max() < 1e-3


def test_a_glide_arrives():
    factors = Bend(scoop_seconds=0.03).factors(0, RATE // 2, RATE, glide=-1200.0)
    assert factors[0] == pytest.approx(0.5, abs=0.01)
    assert factors[-1] == pytest.approx(1.0, abs=1e-3)
