from __future__ import annotations

import numpy as np
import pytest

from mula_bridge.errors import MulaError
from mula_daemon.audio.samples import Samples
from mula_daemon.bench.faults import Fault, common, faults, place
from support.takes import noise
from support.voices import flat

PLAYED = noise(200_000)
SILENCE = flat(5000, 0.0)


def joined(*parts: Samples) -> Samples:
    return np.concatenate(parts)


def found(heard: Samples) -> list[Fault]:
    return faults(heard, PLAYED, place(heard, PLAYED))


def test_what_was_heard_as_it_was_played_has_no_fault() -> None:
    assert place(joined(SILENCE, PLAYED), PLAYED) == 5000
    assert found(joined(SILENCE, PLAYED, SILENCE)) == []


def test_a_gap_that_keeps_time_is_found_with_its_length() -> None:
    heard = joined(SILENCE, PLAYED[:100_000], flat(700, 0.0), PLAYED[100_700:])
    assert found(heard) == [Fault(100_000, 700, "gap")]


def test_a_gap_that_moves_the_rest_is_one_fault() -> None:
    heard = joined(PLAYED[:100_000], flat(700, 0.0), PLAYED[100_000:])
    [fault] = found(heard)
    assert (fault.at, fault.kind) == (100_000, "gap")


def test_a_repeated_block_is_called_one() -> None:
    heard = joined(PLAYED[:100_000], PLAYED[99_744:100_000], PLAYED[100_256:])
    assert found(heard) == [Fault(100_000, 256, "repeat")]
    heard = joined(PLAYED[:100_000], PLAYED[99_744:])
    [fault] = found(heard)
    assert (fault.at, fault.kind) == (100_000, "repeat")


def test_missing_frames_are_found() -> None:
    heard = joined(PLAYED[:100_000], PLAYED[100_256:150_000], PLAYED[150_512:])
    assert found(heard) == [Fault(100_000, 256, "missing"), Fault(150_000, 512, "missing")]


def test_frames_of_something_else_are_called_other() -> None:
    heard = joined(PLAYED[:100_000], noise(300, seed=5), PLAYED[100_300:])
    assert found(heard) == [Fault(100_000, 300, "other")]


def test_what_only_one_of_two_recorders_heard_is_the_recorders_own() -> None:
    gap = joined(PLAYED[:100_000], flat(700, 0.0), PLAYED[100_700:])
    late = joined(SILENCE, PLAYED[:30_000], PLAYED[30_512:31_024], PLAYED[30_512:])
    own = [fault.kind for fault in found(late)]
    assert own == ["missing", "repeat"]  # overtaken by one period, which it then heard twice
    assert common(found(late), found(PLAYED)) == []
    assert common(found(gap), found(late)) == []
    both = joined(late[:105_000], flat(700, 0.0), late[105_700:])
    assert [(fault.at, fault.kind) for fault in common(found(both), found(gap))] == [
        (100_000, "gap")
    ]


def test_something_else_altogether_is_said_so() -> None:
    with pytest.raises(MulaError, match="not in what was heard"):
        place(noise(100_000, seed=5), PLAYED)
    with pytest.raises(MulaError, match="nothing but silence"):
        place(PLAYED, SILENCE)


def test_a_beginning_that_was_left_out_does_not_hide_the_rest() -> None:
    played = noise(600_000)
    heard = joined(SILENCE, played[512:])
    offset = place(heard, played)
    assert offset == 5000 - 512
    (fault,) = faults(heard, played, offset)
    assert fault.at == 0


@pytest.mark.parametrize("seconds", [1, 30])
def test_faults_all_over_the_beginning_do_not_hide_the_rest(seconds: int) -> None:
    """Nothing at first is heard as it was played; then all of it is, so much later."""
    played = noise(48_000 * (2 * seconds + 4))
    head = 48_000 * seconds
    heard = joined(noise(head + 4321, seed=5), played[head:])
    assert place(heard, played) == 4321


def test_what_was_heard_instead_is_told() -> None:
    with pytest.raises(MulaError, match="of 2 blocks of 65536 frames 1 had sound"):
        place(joined(noise(1000, seed=7), flat(100_000, 0.0)), PLAYED)
