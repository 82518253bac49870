from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mula_daemon.audio.player import Player
from mula_daemon.audio.ring import Ring
from mula_daemon.engine.base import Samples
from support.takes import noise

RATE = 48000
FADE = 240
BUFFERS = st.sampled_from([64, 100, 256, 1024, 3000])


def make_player(margin: float = 0.0, gain_db: float = 0.0) -> tuple[Ring, Player]:
    ring = Ring(RATE, 2)
    return ring, Player(ring, RATE, margin=margin, fade=0.005, gain_db=gain_db)


def render(player: Player, frames: int, buffer: int = 256) -> Samples:
    heard = []
    for start in range(0, frames, buffer):
        out = np.full((min(buffer, frames - start), 2), 9.9, np.float32)
        player.render(out)
        heard.append(out)
    return np.concatenate(heard)


def flat(frames: int, level: float = 0.5) -> Samples:
    return np.full((frames, 2), level, np.float32)


def steepest(sound: Samples) -> float:
    return float(np.abs(np.diff(sound[:, 0])).max())


@given(BUFFERS, st.integers(1, 9000))
def test_at_unity_gain_every_sample_passes_untouched(buffer: int, frames: int) -> None:
    ring, player = make_player()
    sound = noise(frames)
    ring.write(sound)
    heard = render(player, frames + 500, buffer)
    np.testing.assert_array_equal(heard[:frames], sound)
    assert not heard[frames:].any()
    assert player.underruns == 0


def test_playing_begins_a_margin_after_the_first_audio() -> None:
    ring, player = make_player(margin=0.06)
    assert not render(player, 4800).any()
    ring.write(flat(9600))
    heard = render(player, 9600, 240)
    start = int(np.flatnonzero(heard[:, 0])[0])
    assert 0.06 * RATE <= start <= 0.06 * RATE + 240


def test_blocks_of_exactly_real_time_never_underrun_even_when_each_is_late() -> None:
    ring, player = make_player(margin=0.06)
    block, late = 18000, 2400  # a sixteenth at 40 bpm; 50 ms
    player.feeding = True
    for number in range(6):
        ring.write(flat(block))
        render(player, block - late if number % 2 else block + late, 256)
    assert player.underruns == 0


def test_a_gap_inside_a_take_is_one_underrun_and_the_end_of_a_take_is_none() -> None:
    ring, player = make_player(margin=0.06)
    player.feeding = True
    ring.write(flat(4800))
    render(player, 19200)
    assert player.underruns == 1
    ring.write(flat(4800))
    player.feeding = False
    render(player, 19200)
    assert player.underruns == 1


@given(BUFFERS)
def test_a_cut_fades_without_a_step_and_drops_the_rest(buffer: int) -> None:
    ring, player = make_player()
    ring.write(flat(20000))
    render(player, 3000, buffer)
    player.cut(fade=True)
    heard = render(player, 6000, buffer)
    assert steepest(np.concatenate([flat(1), heard])) < 2 * 0.5 / FADE
    assert heard[FADE - 10 :].max() < 0.03
    assert not heard[FADE:].any()
    assert ring.fill == 0
    assert player.underruns == 0


@given(BUFFERS, st.integers(0, 300))
def test_a_second_cut_goes_on_with_the_fade(buffer: int, between: int) -> None:
    ring, player = make_player()
    ring.write(flat(9000))
    before = render(player, 1024)
    player.cut(fade=True)
    first = render(player, between, buffer) if between else flat(0)
    player.cut(fade=True)
    heard = np.concatenate([before, first, render(player, 2000, buffer)])
    assert steepest(heard) < 2 * 0.5 / FADE
    assert not heard[1024 + FADE + buffer :].any()


def test_panic_is_silent_from_the_next_buffer_on_even_during_a_fade() -> None:
    ring, player = make_player()
    ring.write(flat(9000))
    render(player, 1024)
    player.cut(fade=False)
    assert not render(player, 2048).any()
    ring.write(flat(9000))
    render(player, 1024)
    player.cut(fade=True)
    assert render(player, 64, 64).any()
    player.cut(fade=False)
    assert not render(player, 2048).any()


@given(BUFFERS, st.integers(0, 3000), st.booleans())
def test_what_is_written_after_a_cut_is_played_whole(buffer: int, queued: int, fade: bool) -> None:
    ring, player = make_player()
    ring.write(flat(1024 + queued))
    render(player, 1024)
    player.cut(fade=fade)
    sound = noise(2000) + 2.0
    ring.write(sound)
    heard = render(player, 8000, buffer)
    np.testing.assert_array_equal(heard[heard[:, 0] > 1.0], sound)


def test_a_cut_with_nothing_queued_does_nothing() -> None:
    ring, player = make_player()
    player.cut(fade=True)
    assert not render(player, 1000).any()
    ring.write(flat(5000))
    assert render(player, 5000).all()


@given(BUFFERS, st.floats(-70, 6), st.floats(-70, 6))
def test_a_turned_gain_glides_and_arrives(buffer: int, start: float, end: float) -> None:
    ring, player = make_player(gain_db=start)
    ring.write(flat(40000))
    before = render(player, 2048)
    player.gain_db = end
    heard = np.concatenate([before, render(player, 30000, buffer)])
    assert steepest(heard) <= 0.5 * 2.0 / 900
    factor = 10 ** (end / 20) if end > -60 else 0.0
    assert heard[-1, 0] == pytest.approx(0.5 * factor, abs=1e-5)


def test_the_peak_is_the_greatest_since_it_was_reset() -> None:
    ring, player = make_player()
    ring.write(flat(256, 0.25))
    ring.write(flat(256, -0.75))
    render(player, 1024)
    assert player.peak == pytest.approx(0.75)
    player.peak = 0.0
    render(player, 1024)
    assert player.peak == 0.0
