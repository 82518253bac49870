"""How many kernels a frame is, counted dry at the sizes of the 3B model: see `support.dry_card`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

import pytest

from mula_daemon.bench.frame_speed import SIZES, random_model
from mula_daemon.engine.lm import Precision, StaticModel
from mula_daemon.engine.lm.frame_step import FrameStep
from support.dry_card import CARD, DryCard, dry_card

pytest.importorskip("triton", reason="needs triton, which comes with torch for NVIDIA cards")

INSIDE = SIZES["3b"].decoder.layers
FURTHER = SIZES["3b"].codebooks - 1
ELSEWHERE = 1 + FURTHER + SIZES["3b"].codebooks
"""Products that are in no layer: both projections and the heads."""


@pytest.fixture(scope="module")
def card() -> Iterator[DryCard]:
    with pytest.MonkeyPatch.context() as patch, dry_card(patch) as card:
        yield card


def _step(precision: Precision, layers: int, takes: int) -> FrameStep:
    config = SIZES["3b"]
    config = replace(config, backbone=replace(config.backbone, layers=layers))
    storage = precision.storage(CARD)
    model = StaticModel(random_model(config, CARD, storage), CARD, precision, release=True)
    state = model.backbone_state(2 * takes, 1024)
    return FrameStep(model, takes, state, banned=True)


@pytest.mark.parametrize(
    ("precision", "takes"), [(Precision.BFLOAT16, 1), (Precision.INT8, 4), (Precision.INT4, 10)]
)
def test_a_layer_is_five_kernels_and_one_more_where_the_cache_is_long(
    card: DryCard, precision: Precision, takes: int
) -> None:
    layers = 2
    step = _step(precision, layers, takes)
    for extent, joins in ((512, 0), (1024, layers)):
        card.clear()
        step.run(extent)
        assert Counter(card.launches) == {
            "few_rows": 4 * (layers + FURTHER * INSIDE) + ELSEWHERE,
            "attend": layers + FURTHER * INSIDE,
            "scale": 1 + FURTHER,
        } | ({"join": joins} if joins else {})


@pytest.mark.slow
def test_a_frame_of_all_layers_is_a_third_of_what_it_was(card: DryCard) -> None:
    """1,210 operations of the plain path were counted in bfloat16, 1,400 in int8 and int4, a few
    of them of several kernels."""
    step = _step(Precision.INT8, SIZES["3b"].backbone.layers, 1)
    card.clear()
    step.run(512)
    ours = len(card.launches)
    assert ours == 5 * (28 + FURTHER * INSIDE) + ELSEWHERE + 1 + FURTHER
    assert card.operations < 400, card.operations
