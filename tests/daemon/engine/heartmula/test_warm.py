"""What stays warm: nothing is loaded or recorded twice, and a stop is heard within a frame."""

import gc
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from mula_daemon.engine.heartmula.model import engine as heartmula
from mula_daemon.engine.heartmula.model.engine import HeartMulaEngine
from mula_daemon.engine.heartmula.model.streaming import StreamSettings
from mula_daemon.engine.lm.language_model import Flavour
from mula_daemon.engine.lm.player import Player
from mula_daemon.engine.seam import ClipRequest, Frame, FrameKnobs
from support.fake_graph import FakeRecorder

REFERENCE = Path(__file__).parents[3] / "data" / "heartmula_reference"
TOY = {
    "llama-tiny": Flavour(3, 4, 2, 64, 160, 2048),
    "llama-tiny-decoder": Flavour(2, 2, 1, 48, 96, 16),
}
QUICK = StreamSettings(first=4, context=4, hop=4, steps=1, guidance=1.0)
CLIP = ClipRequest("j", ("techno",), (3,), bpm=240, bars=1)  # 13 frames


@pytest.fixture(scope="module")
def engine() -> Iterator[HeartMulaEngine]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    made = HeartMulaEngine(REFERENCE, precision="float32", stream=QUICK, flavours=TOY)
    made.warm_up()
    yield made
    torch.set_num_threads(before)


class Turning:
    """Knobs that are somewhere else at every frame."""

    def __init__(self) -> None:
        self.reads = 0

    def __call__(self) -> FrameKnobs:
        self.reads += 1
        return FrameKnobs(cfg=(3.0, 1.0, 0.5, 3.0)[self.reads % 4], top_k=1 + self.reads)


def codes(engine: HeartMulaEngine, knobs: Turning) -> list[tuple[tuple[int, ...], ...]]:
    return [item.codes for item in engine.generate(CLIP, knobs) if isinstance(item, Frame)]


def test_a_second_job_with_turned_knobs_loads_and_records_nothing(
    engine: HeartMulaEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = codes(engine, Turning())
    plain = engine._player
    assert plain is not None
    engine._player = Player(plain.model, FakeRecorder())
    engine._player.prepare(heartmula.USUAL_POSITIONS)
    recorded = engine._player.recordings
    assert recorded == 2  # reads of 512 and of 1024 positions

    def never(*_: object) -> None:
        raise AssertionError("loaded again")

    monkeypatch.setattr(heartmula, "load_language_model", never)
    assert codes(engine, Turning()) == wanted
    gc.collect()
    assert codes(engine, Turning()) == wanted
    assert engine._player.recordings == recorded
    engine._player = plain


def test_a_stop_is_heard_within_a_frame(engine: HeartMulaEngine) -> None:
    knobs = Turning()
    items = engine.generate(CLIP, knobs)
    seen = 0
    for item in items:
        seen += isinstance(item, Frame)
        if seen == 5:
            break
    items.close()  # type: ignore[attr-defined]
    assert knobs.reads == 5
