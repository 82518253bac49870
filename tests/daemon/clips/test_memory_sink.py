from __future__ import annotations

import numpy as np
import pytest

from mula_bridge.errors import MulaError
from mula_daemon.clips.take import Abandoned
from support.memory_sink import MemorySink
from support.takes import FINISHED, blocks, make_take, noise


def test_every_ended_take_is_kept_in_order() -> None:
    sink = MemorySink()
    take, sound = make_take(), noise(make_take().samples)
    sink.open(take)
    for block in blocks(sound, 777):
        sink.write(block)
    sink.close(FINISHED)
    sink.open(take)
    sink.write(sound[:100])
    sink.close(Abandoned("cancelled"))
    whole, part = sink.recorded
    assert (whole.take, whole.outcome, part.outcome) == (take, FINISHED, Abandoned("cancelled"))
    np.testing.assert_array_equal(whole.samples, sound)
    np.testing.assert_array_equal(part.samples, sound[:100])


def test_a_finished_take_that_is_too_short_is_an_error() -> None:
    sink = MemorySink()
    sink.open(make_take())
    sink.write(noise(100))
    with pytest.raises(MulaError, match="100 of 12000"):
        sink.close(FINISHED)
    assert sink.recorded == []
