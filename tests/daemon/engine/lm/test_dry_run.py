"""HeartMuLa's frames for CUDA, dry, at the sizes that are published: see `support.dry_card`.

The quick ones have two layers of the backbone's 28; the slow ones have all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache

import pytest
import torch
from torch import Tensor
from torch._subclasses.fake_tensor import DataDependentOutputException

from mula_daemon.bench.frame_speed import PROMPT, SIZES, random_model
from mula_daemon.engine.lm import attention
from mula_daemon.engine.lm.frame_loop import FrameLoop
from mula_daemon.engine.lm.frame_step import FrameStep
from mula_daemon.engine.lm.player import Player
from mula_daemon.engine.lm.precision import Precision
from mula_daemon.engine.lm.products.dense import DenseProduct
from mula_daemon.engine.lm.sampling import CodePolicy, KnobTensors
from mula_daemon.engine.lm.static_model import StaticModel
from support.dry_card import CARD, DryCard, HostRead, MixedDevices, MixedTypes, dry_card, dry_record

POLICY = CodePolicy(valid=8192, eos=8193)
FEW_LAYERS = 2
ALL_LAYERS = SIZES["3b"].backbone.layers
PACKED = (Precision.BFLOAT16, Precision.INT8, Precision.INT4)

Models = Callable[[Precision, int], StaticModel]


@pytest.fixture(scope="module")
def card() -> Iterator[DryCard]:
    with pytest.MonkeyPatch.context() as patch, dry_card(patch) as card:
        yield card


@pytest.fixture(scope="module")
def packed(card: DryCard) -> Models:
    """Each model is made once."""

    @cache
    def packed(precision: Precision, layers: int) -> StaticModel:
        config = SIZES["3b"]
        config = replace(config, backbone=replace(config.backbone, layers=layers))
        storage = precision.storage(CARD)
        return StaticModel(random_model(config, CARD, storage), CARD, precision, release=True)

    return packed


def _plays(card: DryCard, model: StaticModel, takes: int, prompts: int) -> None:
    """Frames after a prompt, over new tags, and after them: one read each, and nothing waits."""
    loop = FrameLoop(Player(model), [PROMPT] * prompts, range(takes), 300, policy=POLICY)
    card.clear()
    loop.prefill()
    assert not card.reads
    knobs = KnobTensors.create(device=CARD)
    for _ in range(2):  # the first follows from the prompt, the second reads the one before it
        card.clear()
        knobs.load(cfg=3.0, morph=0.5)
        codes = loop.step(knobs)
        assert codes.shape == (takes, 8) and codes.dtype == "int64"
        assert card.reads == [(takes, 8)] and not card.uploads
    card.clear()
    priming = loop.reprime([PROMPT] * prompts)
    priming.read()
    loop.swap(priming)
    assert not card.reads
    loop.step(knobs)
    assert card.reads == [(takes, 8)]


@pytest.mark.parametrize(
    ("precision", "takes", "prompts"),
    [(Precision.BFLOAT16, 1, 1), (Precision.INT8, 4, 2), (Precision.INT4, 1, 1)],
)
def test_the_host_reads_a_frames_codes_and_nothing_else(
    card: DryCard, packed: Models, precision: Precision, takes: int, prompts: int
) -> None:
    _plays(card, packed(precision, FEW_LAYERS), takes, prompts)


@pytest.mark.slow
@pytest.mark.parametrize("precision", PACKED)
@pytest.mark.parametrize(("takes", "prompts"), [(1, 1), (2, 1), (4, 1), (8, 1), (4, 2)])
def test_so_it_is_for_any_number_of_takes(
    card: DryCard, packed: Models, precision: Precision, takes: int, prompts: int
) -> None:
    _plays(card, packed(precision, FEW_LAYERS), takes, prompts)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("precision", "takes", "prompts"),
    [(Precision.BFLOAT16, 1, 1), (Precision.INT8, 4, 2), (Precision.INT4, 8, 1)],
)
def test_so_it_is_with_all_layers(
    card: DryCard, packed: Models, precision: Precision, takes: int, prompts: int
) -> None:
    _plays(card, packed(precision, ALL_LAYERS), takes, prompts)


def test_what_a_graph_would_record_has_neither_reads_nor_copies_of_the_hosts(
    card: DryCard, packed: Models
) -> None:
    model = packed(Precision.INT8, FEW_LAYERS)
    step = FrameStep(model, 1, model.backbone_state(2, 512), banned=True)
    where = step.codes.untyped_storage()._cdata
    card.clear()
    step.run(512)
    assert not card.reads and not card.uploads
    assert step.codes.untyped_storage()._cdata == where  # a replay writes there
    assert step.codes.device == CARD and step.codes.dtype == torch.int64


def test_recordings_are_made_once_and_none_for_a_knob(card: DryCard, packed: Models) -> None:
    player = Player(packed(Precision.BFLOAT16, FEW_LAYERS), dry_record)
    player.prepare(512)
    made = player.recordings
    assert made == 1
    loop = FrameLoop(player, [PROMPT], [0], 100, policy=POLICY)
    loop.prefill()
    knobs = KnobTensors.create(device=CARD)
    for cfg in (1.0, 3.0):
        knobs.load(cfg=cfg, temperature=cfg, top_k=int(cfg))
        loop.step(knobs)
    assert player.recordings == made


def _a_number(step: FrameStep) -> object:
    return step.codes.sum().item()


def _a_condition(step: FrameStep) -> object:
    return bool((step.codes > 3).any())


def _a_list(step: FrameStep) -> object:
    return step.codes.tolist()


@pytest.mark.parametrize("read", [_a_number, _a_condition, _a_list])
def test_a_read_in_the_middle_is_found(
    card: DryCard, packed: Models, read: Callable[[FrameStep], object]
) -> None:
    model = packed(Precision.BFLOAT16, FEW_LAYERS)
    step = FrameStep(model, 1, model.backbone_state(2, 64))
    with pytest.raises((HostRead, DataDependentOutputException)):
        read(step)


@pytest.mark.parametrize("amiss", [torch.zeros(8), torch.tensor(1.0)], ids=["vector", "number"])
def test_a_tensor_left_on_the_host_is_found(card: DryCard, packed: Models, amiss: Tensor) -> None:
    """A number too: torch would take it, and a recorded graph would keep it for ever."""
    model = packed(Precision.BFLOAT16, FEW_LAYERS)
    step = FrameStep(model, 1, model.backbone_state(2, 64))
    step.noise = torch.ones(8) if amiss.dim() else step.noise
    if amiss.dim() == 0:
        step.knobs = replace(step.knobs, cfg=amiss)
    with pytest.raises(MixedDevices):
        step.run(64)


def test_wrong_types_and_shapes_are_found(card: DryCard, packed: Models) -> None:
    model = packed(Precision.BFLOAT16, FEW_LAYERS)
    x = torch.ones(2, 3072, device=CARD)
    with pytest.raises(MixedTypes):
        torch.mm(x, x.bfloat16().t())
    with pytest.raises(RuntimeError, match="float32"):
        model.projection(x)
    with pytest.raises(RuntimeError, match="dim"):
        model.projection(x[:, :100].bfloat16())


def test_without_our_kernels_scores_and_logits_are_float32_too(
    card: DryCard, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[torch.dtype] = []
    softmax = torch.softmax

    def noted(x: Tensor, dim: int) -> Tensor:
        seen.append(x.dtype)
        return softmax(x, dim)

    monkeypatch.setattr(torch, "softmax", noted)

    def of(*shape: int) -> Tensor:
        return torch.ones(shape, device=CARD, dtype=torch.bfloat16)

    for bias in (None, of(16, 1, 64)):
        mixed = attention.attend(
            of(16, 3, 128), of(16, 64, 128).mT, of(16, 64, 128), bias, of(16, 3, 128)
        )
        assert mixed.dtype == torch.bfloat16
    assert seen == [torch.float32] * 2
    assert DenseProduct(of(8197, 3072).t()).wide(of(2, 3072)).dtype == torch.float32


def test_copies_are_seen_and_whether_they_are_pinned(card: DryCard) -> None:
    card.clear()
    there = torch.ones(3).to(CARD)
    there.copy_(torch.ones(3, pin_memory=True), non_blocking=True)
    assert [upload.pinned for upload in card.uploads] == [False, True]
    assert there.cpu().tolist() == [0.0, 0.0, 0.0]
    assert torch.equal(torch.ones(2) + 1, torch.full((2,), 2.0))  # the host's own are real
    assert card.reads == [(3,)]
