"""HeartMuLa's engine on a card, dry: codec, clips and live play: see `support.dry_card`.

Widths are those that are published; layers are few, because one is like the other.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from itertools import islice

import numpy as np
import pytest
import torch
from torch import Tensor

from mula_daemon.bench.frame_speed import SIZES
from mula_daemon.bench.gpu.plan import CardQuestions
from mula_daemon.bench.gpu.random_engine import RandomHeartMula
from mula_daemon.bench.random_codec import CODECS, random_codec
from mula_daemon.engine.heartmula.codec import GeneratorNoise, HeartCodec
from mula_daemon.engine.heartmula.codec.estimator import ROPE
from mula_daemon.engine.heartmula.model.sound import CodecLane, measure_window
from mula_daemon.engine.heartmula.model.streaming import StreamingDecoder, StreamSettings
from mula_daemon.engine.lm import recorder, rotations
from mula_daemon.engine.seam import AudioBlock, ClipRequest, Frame, FrameKnobs, Texts
from support.dry_card import CARD, DryCard, HostRead, dry_card
from support.steady_machine import steady_machine

FEW = "few layers"


@pytest.fixture(scope="module")
def card() -> Iterator[DryCard]:
    with pytest.MonkeyPatch.context() as patch, dry_card(patch) as card:
        model, codec = SIZES["3b"], CODECS["3b"]
        backbone, decoder = (replace(each, layers=1) for each in (model.backbone, model.decoder))
        patch.setitem(SIZES, FEW, replace(model, backbone=backbone, decoder=decoder))
        patch.setitem(CODECS, FEW, replace(codec, layers=1, layers_2=1))
        steady_machine(patch)  # what a dry frame takes says nothing
        yield card


@pytest.fixture(scope="module")
def codec(card: DryCard) -> HeartCodec:
    return random_codec(CODECS[FEW], CARD, torch.bfloat16)


@pytest.fixture(scope="module")
def engine(card: DryCard) -> RandomHeartMula:
    stream = StreamSettings(
        first=4, context=4, hop=2, steps=1, named=("first", "context", "hop", "steps")
    )
    engine = RandomHeartMula(CardQuestions("cuda", FEW), stream=stream)
    engine.warm_up()
    return engine


@pytest.mark.parametrize("takes", [1, 4])
@pytest.mark.parametrize("guidance", [1.25, 1.0])
def test_a_window_is_queued_and_not_waited_for(
    card: DryCard, codec: HeartCodec, takes: int, guidance: float
) -> None:
    settings = StreamSettings(first=4, context=4, hop=2, steps=2, guidance=guidance)
    noises = [GeneratorNoise(torch.Generator().manual_seed(take)) for take in range(takes)]
    decoder = StreamingDecoder(codec, noises, settings, endless=True)
    lane = CodecLane(CARD)
    rotations(64, 8, ROPE, CARD), rotations(128, 8, ROPE, CARD)  # once in a process
    for frames in (4, 2, 2):
        card.clear()
        decoder.add(np.zeros((takes, 8, frames), np.int64))
        lane.start(decoder.window)
        assert not card.reads and not card.waits
        assert len(card.arrivals) == 1 and card.arrivals[0][0] == takes


def test_a_window_is_recorded_without_a_word_from_the_host(
    card: DryCard, codec: HeartCodec
) -> None:
    settings = StreamSettings(first=2, context=4, hop=2, steps=2)
    codec.record_with(recorder(CARD))
    card.clear()
    measure_window(codec, settings, CodecLane(CARD))
    assert card.recordings == codec.graphs.recordings > 0
    assert card.replays >= 2


@pytest.mark.slow
def test_live_play_reads_codes_and_nothing_else(card: DryCard, engine: RandomHeartMula) -> None:
    assert engine.info.device == "cuda"
    assert engine.info.burst_frames > 1
    said = Texts(("techno",)), Texts(("jazz",))
    made = 0

    def knobs() -> FrameKnobs:
        return FrameKnobs(cfg=made % 3, texts=said[made > 8])  # read again in the middle

    clip = ClipRequest("live", ("techno",), (1,), follows=said[0], endless=True)
    card.clear()
    with closing(engine.items(clip, knobs)) as items:
        for item in items:
            if isinstance(item, Frame):
                made += 1
                assert card.reads == [(1, 8)], f"at frame {made}"
                assert not card.waits and not card.recordings
                card.clear()
            if made == 24:
                break


@pytest.mark.slow
@pytest.mark.parametrize("takes", [1, 4])
def test_a_clip_of_several_takes_with_morph_reads_the_same(
    card: DryCard, engine: RandomHeartMula, takes: int
) -> None:
    clip = ClipRequest("clip", ("techno",), tuple(range(takes)), bars=1, tags_b=("jazz",))
    card.clear()
    with closing(engine.items(clip)) as items:
        made = [item for item in islice(items, 90) if isinstance(item, Frame | AudioBlock)]
    assert sum(isinstance(item, AudioBlock) for item in made) >= takes
    assert set(card.reads) == {(takes, 8)}


def test_a_read_put_in_is_found(
    card: DryCard, codec: HeartCodec, monkeypatch: pytest.MonkeyPatch
) -> None:
    velocities = codec.flow.velocities

    def guarded(*given: Tensor) -> Tensor:
        assert float(given[0].sum()) == 0.0
        return velocities(*given)

    monkeypatch.setattr(codec.flow, "velocities", guarded)
    noise = GeneratorNoise(torch.Generator().manual_seed(1))
    decoder = StreamingDecoder(codec, [noise], StreamSettings(first=2, steps=1))
    with pytest.raises(HostRead):
        decoder.push(np.zeros((1, 8, 2), np.int64))
