"""HeartMuLa at toy size, live: its worker, the daemon's recording, and real time between them."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
import torch

from mula_daemon.engine.heartmula.model.engine import HeartMulaEngine
from mula_daemon.engine.heartmula.model.streaming import StreamSettings
from mula_daemon.engine.lm.language_model import Flavour
from mula_daemon.engine.seam import ClipRequest, FrameKnobs
from support.live_worker import play_live
from support.steady_machine import steady_machine

REFERENCE = Path(__file__).parents[2] / "data" / "heartmula_reference"
TOY = {
    "llama-tiny": Flavour(3, 4, 2, 64, 160, 2048),
    "llama-tiny-decoder": Flavour(2, 2, 1, 48, 96, 16),
}
STREAM = StreamSettings(first=4, context=4, hop=4, steps=1, guidance=1.0)
FRAMES = 60
LEAD_NS = 600_000_000


@pytest.mark.slow
@pytest.mark.clock
def test_bursts_are_paced_by_the_ear_and_each_is_heard_a_lead_after_its_knobs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    torch.set_num_threads(1)
    steady_machine(monkeypatch, frame_s=0.01, step_s=0.05)
    engine = HeartMulaEngine(REFERENCE, precision="float32", stream=STREAM, flavours=TOY)
    engine.warm_up()
    recording, frames = play_live(
        engine,
        ClipRequest("live1", ("techno",), (5,), endless=True),
        FrameKnobs(cfg=2.0),
        FRAMES,
        lead_ns=LEAD_NS,
    )
    assert engine.info.burst_frames == STREAM.hop
    firsts = frames[:: STREAM.hop]
    steps_ms = [(b.started_ns - a.started_ns) / 1e6 for a, b in pairwise(firsts)]
    # A frame lasts 80 ms, however quickly a toy makes it.
    assert sum(steps_ms) / len(steps_ms) == pytest.approx(80 * STREAM.hop, abs=4 * STREAM.hop)
    played = recording.played.since(0)
    assert len(played) >= FRAMES - 3 * STREAM.hop
    for one in played[:: 3 * STREAM.hop]:
        heard_ns = recording.heard_ns(one.frame.index)
        assert heard_ns is not None
        assert heard_ns - one.frame.started_ns == pytest.approx(LEAD_NS, abs=100_000_000)
        assert one.made_ns < heard_ns
