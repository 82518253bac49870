"""When frames of live play begin: by the sound that was made, or by the clock."""

from __future__ import annotations

from multiprocessing import Pipe
from time import perf_counter_ns

import pytest

from mula_daemon.engine.messages import Abort, Pace, Turn
from mula_daemon.engine.seam import EngineInfo, FrameKnobs
from mula_daemon.engine.worker import LivePacer, Orders

RATE = 48_000
BEAT = EngineInfo("beat", "1", RATE, 2, "cpu", {}, frames_per_beat=4)
CLOCK = EngineInfo("clock", "1", RATE, 2, "cpu", {}, frame_seconds=0.02, delay_seconds=0.2)


def begun_ms(engine: EngineInfo, frames: int, block: int, blocks_behind: int) -> list[float]:
    """When each frame began, after the first one was due; sound comes ``blocks_behind`` later."""
    near, far = Pipe()
    pacer = LivePacer("live", engine, Orders(near))
    start = perf_counter_ns()
    far.send(Turn(FrameKnobs(cfg=3.0)))
    far.send(Pace("live", 0, start))
    began = []
    for frame in range(frames):
        assert pacer.knobs().cfg == 3.0
        began.append((perf_counter_ns() - start) / 1e6)
        if frame >= blocks_behind:
            pacer.add(block)
    return began


@pytest.mark.parametrize(("engine", "behind"), [(BEAT, 0), (CLOCK, 0), (CLOCK, 5)])
def test_frames_begin_when_they_are_due_however_far_the_sound_is_behind(
    engine: EngineInfo, behind: int
) -> None:
    began = begun_ms(engine, 10, 960, behind)
    for frame, at in enumerate(began):
        assert at >= 20 * frame
    # Nobody waits for sound that has not come: a busy machine is late, but not by as much.
    assert began[-1] < 20 * 9 + 100


def test_an_aborted_job_waits_no_longer() -> None:
    near, far = Pipe()
    pacer = LivePacer("live", CLOCK, Orders(near))
    far.send(Pace("live", 0, perf_counter_ns() + 60_000_000_000))
    far.send(Abort("live"))
    pacer.knobs()
