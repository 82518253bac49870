"""What fits on which card, and that it is counted as it is."""

import weakref
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from mula_daemon.engine.heartmula.checkpoint import fill, read_config
from mula_daemon.engine.heartmula.codec.config import CodecConfig
from mula_daemon.engine.heartmula.codec.estimator import Estimator
from mula_daemon.engine.heartmula.memory_plan import (
    BUCKET,
    BYTES,
    CARDS_GB,
    DESKTOP,
    EXTENTS,
    GB,
    MANY,
    USUAL,
    USUAL_POSITIONS,
    Demand,
    Placement,
    Sizes,
    make_plan,
    needs,
    report,
    shortage,
)
from mula_daemon.engine.heartmula.model.device import sizes_of
from mula_daemon.engine.lm import frame_graph
from mula_daemon.engine.lm.frame_loop import FrameLoop
from mula_daemon.engine.lm.frame_step import FrameStep
from mula_daemon.engine.lm.language_model import FLAVOURS, Flavour, LanguageModel, LMConfig
from mula_daemon.engine.lm.player import Player
from mula_daemon.engine.lm.precision import Precision
from mula_daemon.engine.lm.priming import PromptTokens
from mula_daemon.engine.lm.products.cuda import CudaInt8Product, _levels
from mula_daemon.engine.lm.rope import RopeScaling
from mula_daemon.engine.lm.static_model import StaticModel
from mula_daemon.engine.lm.static_stack import StackState

CHOSEN = {
    4: None,
    8: ("int8", Placement.CPU, "float32"),
    12: ("int8", Placement.GPU, "bfloat16"),
    24: ("bfloat16", Placement.GPU, "float32"),
    80: ("bfloat16", Placement.GPU, "float32"),
}
CODEC = CodecConfig(
    quantisers=8, codebook_size=8192, codebook_width=32, condition_width=512, layers=24,
    layers_2=6, heads=24, head_width=64, latent_width=256, upsample_factors=(5, 4, 4, 4, 3),
    repeats=2, channels=64, look_ahead_kernel=5, residual_kernel=7, last_kernel=7,
)  # fmt: skip
"""As published."""
TOY = LMConfig(Flavour(3, 4, 2, 64, 160, 8192), Flavour(2, 2, 1, 48, 96, 2048), 512, 67)


def published(backbone: str = "llama-3B", decoder: str = "llama-300M") -> LMConfig:
    return LMConfig(FLAVOURS[backbone], FLAVOURS[decoder], 128_256, 8197)


def held(*things: object) -> int:
    """Bytes of all tensors in ``things``, each memory once; the model's weights left out."""
    found: dict[int, int] = {}

    def look(thing: object) -> None:
        if isinstance(thing, Tensor):
            storage = thing.untyped_storage()
            found[storage._cdata] = storage.nbytes()
        elif isinstance(thing, Mapping):
            look(list(thing.values()))
        elif isinstance(thing, list | tuple):
            for each in thing:
                look(each)
        elif type(thing).__module__.startswith("mula_daemon") and not isinstance(
            thing, StaticModel
        ):
            names = getattr(type(thing), "__slots__", ())
            look([getattr(thing, name) for name in names] + list(vars(thing).values()))

    look(things)
    return sum(found.values())


@pytest.mark.parametrize(("size", "chosen"), CHOSEN.items())
def test_what_is_chosen_for_the_cards_producers_own(
    size: int, chosen: tuple[str, Placement, str] | None
) -> None:
    plan = make_plan(size * GB - DESKTOP)
    assert plan.fits is (chosen is not None)
    if chosen:
        assert (plan.precision, plan.placement, plan.flow) == chosen
    assert f"with {size} GB" in report(size * GB, plan)


@given(budget=st.integers(0, 40 * GB), takes=st.integers(1, 24), rereads=st.booleans())
def test_a_plan_that_fits_is_within_the_budget_and_more_memory_never_takes_away(
    budget: int, takes: int, rereads: bool
) -> None:
    demand = Demand(takes, rereads=rereads)
    plan, larger = make_plan(budget, demand=demand), make_plan(budget + GB, demand=demand)
    assert plan.fits == (plan.total <= budget)
    assert larger.fits or not plan.fits


def test_what_is_named_holds() -> None:
    plan = make_plan(80 * GB, precision="int4", placement=Placement.AFTER)
    assert (plan.precision, plan.placement) == ("int4", Placement.AFTER)
    assert plan.total < make_plan(80 * GB, precision="int4").total


def test_the_cards_of_the_doctor_are_among_them() -> None:
    assert set(CARDS_GB) <= CHOSEN.keys()


def test_lengths_of_caches_are_those_of_the_language_model() -> None:
    assert (EXTENTS, BUCKET) == (frame_graph.EXTENTS, frame_graph.BUCKET)
    assert Demand(frames=1500, text=100).read_slots == frame_graph.extent_of(1600)


def test_a_take_of_two_minutes_holds_two_caches_and_three_if_it_follows_texts() -> None:
    """Those recorded on and those recorded for a first job; and those read into again."""
    demand, of_a_slot = Demand(text=164), 28 * 8 * 128 * 2 * 2
    for rereads, slots in ((False, 2048 + 1024), (True, 2048 + 1024 + 1664)):
        found = needs(replace(demand, rereads=rereads), Sizes(), "bfloat16", "float32").caches
        assert found == pytest.approx(2 * of_a_slot * slots, rel=0.02)


def test_live_play_asks_for_no_more_than_a_plan_is_made_for() -> None:
    live = Demand(frames=750, rereads=True)  # which runs on the step that lies recorded
    asked = needs(live, Sizes(), "bfloat16", "float32", lent=True).total
    assert asked < needs(USUAL, Sizes(), "bfloat16", "float32").total


def test_what_four_takes_need_is_said_and_how_many_fit() -> None:
    for size, words in {24: "need 18.", 12: "at most 3 at once", 8: "at most 2 at once"}.items():
        said = report(size * GB, make_plan(size * GB - DESKTOP))
        assert "for one take of 2 minutes; 4 takes of 2 minutes need" in said
        assert words in said
    assert "mini is made for this machine" in report(4 * GB, make_plan(4 * GB - DESKTOP))


def test_a_copy_of_the_codecs_transformer_counts_where_it_is_made() -> None:
    plain, copied = (make_plan(80 * GB, narrow=narrow) for narrow in (False, True))
    assert copied.codec - plain.codec == 2 * Sizes().flow
    tight = make_plan(18 * GB, narrow=True)  # where it would not fit, the codec itself is narrow
    assert (tight.fits, tight.flow, make_plan(18 * GB).flow) == (True, "bfloat16", "float32")
    for where in (Placement.AFTER, Placement.CPU):
        one, other = (make_plan(80 * GB, placement=where, narrow=n) for n in (False, True))
        assert one == other


def test_a_job_that_cannot_fit_is_refused_with_how_many_takes_would() -> None:
    sizes = Sizes()
    one = needs(USUAL, sizes, "bfloat16", "float32", kept=False).total
    assert shortage(USUAL, sizes, "bfloat16", "float32", one) == ""
    said = shortage(MANY, sizes, "bfloat16", "float32", 2 * one)
    assert "4 takes of 2 minutes need 2." in said and "2 at once would fit" in said
    assert "would fit" not in shortage(MANY, sizes, "bfloat16", "float32", one - 1)
    assert shortage(USUAL, sizes, "bfloat16", "float32", one // 9, lent=True) == ""
    alone = needs(MANY, sizes, "bfloat16", "float32", kept=False).caches
    assert shortage(MANY, sizes, "bfloat16", "", alone) == ""  # the codec is not there


@pytest.mark.parametrize(("takes", "prompts", "frames"), [(1, 1, 1100), (4, 1, 300), (2, 2, 300)])
def test_a_job_holds_what_is_counted(takes: int, prompts: int, frames: int) -> None:
    """On the real classes, at the moment when it holds most."""
    model = StaticModel(LanguageModel(TOY), "cpu", Precision.FLOAT32)
    player = Player(model, lambda work: work)
    player.prepare(USUAL_POSITIONS)
    texts = [PromptTokens([1] * 40, [2] * 59)] * prompts
    assert not player.keeps(takes, takes * (prompts + 1), frames + 100, clocked=False)
    assert player.keeps(1, 2, USUAL_POSITIONS, clocked=False)
    loop = FrameLoop(player, texts, range(takes), frames)
    loop.prefill()
    demand = Demand(takes, frames, text=100, prompts=prompts)
    counted = needs(demand, sizes_of(TOY, CODEC), "float32", "float32").caches
    kept = [each.step for each in player._idle]
    assert held(loop._step, loop._spare, kept) == pytest.approx(counted, rel=0.03)
    loop.swap(loop.reprime())
    again = replace(demand, rereads=True)
    counted = needs(again, sizes_of(TOY, CODEC), "float32", "float32").caches
    assert held(loop._step, loop._spare, kept) == pytest.approx(counted, rel=0.03)


@pytest.mark.parametrize("backbone", ["llama-3B", "llama-7B"])
def test_caches_of_the_true_sizes_are_counted_to_the_byte(backbone: str) -> None:
    flavour, sizes = FLAVOURS[backbone], sizes_of(published(backbone), CODEC)
    stack: Any = SimpleNamespace(
        flavour=flavour, scaling=RopeScaling(), dtype=torch.bfloat16, device=torch.device("meta")
    )
    for rows, slots in ((2, 1664), (8, 2048)):
        with torch.device("meta"):
            state = StackState(stack, rows, slots)
        assert held(state) == pytest.approx(sizes.stack.state(rows, slots, 2), rel=0.001)


def test_the_defaults_are_the_published_sizes() -> None:
    assert sizes_of(published(), CODEC) == Sizes()


@pytest.mark.parametrize(
    ("backbone", "decoder", "billions"),
    [("llama-3B", "llama-300M", 3.938), ("llama-7B", "llama-300M", 8.310),
     ("llama-7B", "llama-400M", 8.413), ("llama-3B", "llama-400M", 4.042)],
)  # fmt: skip
def test_every_announced_size_loads_as_it_is(
    backbone: str, decoder: str, billions: float, tmp_path: Path
) -> None:
    """Its config.json names it; weights of its shapes fit, and are counted."""
    (tmp_path / "config.json").write_text(
        f'{{"backbone_flavor": "{backbone}", "decoder_flavor": "{decoder}", "text_vocab_size": '
        '128256, "audio_vocab_size": 8197, "audio_num_codebooks": 8, "muq_dim": 512}'
    )
    config = read_config(tmp_path)
    with torch.device("meta"):
        model, weights = LanguageModel(config), LanguageModel(config).state_dict()
    fill(model, ((tmp_path, name, weight) for name, weight in weights.items()), tmp_path)
    numbers = sum(weight.numel() for weight in weights.values())
    assert numbers / 1e9 == pytest.approx(billions, abs=0.001)
    sizes = sizes_of(config, CODEC)
    counted = sizes.backbone + sizes.decoder + sizes.tables
    assert counted == pytest.approx(numbers, rel=0.004)  # the projection lies there twice
    said = report(24 * GB, make_plan(24 * GB - DESKTOP, sizes), sizes)
    assert "bfloat16 weights" in said


@pytest.mark.parametrize(("backbone", "decoder"), [("llama-7B", "llama-400M")])
def test_a_frame_of_the_announced_size_goes_through(backbone: str, decoder: str) -> None:
    """Shapes only, two layers of each: its backbone is wider than its local decoder."""
    config = published(backbone, decoder)
    few = replace(
        config,
        backbone=replace(config.backbone, layers=2),
        decoder=replace(config.decoder, layers=2),
    )
    with torch.device("meta"):
        model = StaticModel(LanguageModel(few), "meta", Precision.BFLOAT16)
    state = model.backbone_state(4, 512)
    seen = torch.ones(4, 64, dtype=torch.bool, device="meta")
    x = torch.empty(4, 64, config.backbone.width, dtype=torch.bfloat16, device="meta")
    assert model.prefill(x, seen, state).shape == (4, config.backbone.width)
    step = FrameStep(model, 2, state, banned=True)
    step.run(512)
    assert step.codes.shape == (2, 8)
    layers = sum(each.nbytes for each in (model.backbone, model.decoder))
    sizes = sizes_of(few, CODEC)
    rest = 2 * model.projection.nbytes
    assert layers + rest == pytest.approx(2 * (sizes.backbone + sizes.decoder), rel=0.001)


@pytest.mark.parametrize("precision", [Precision.BFLOAT16, Precision.INT8, Precision.INT4])
def test_weights_take_the_bytes_that_are_counted(precision: Precision) -> None:
    """With our kernels and, of int8, without."""
    weight = torch.randn(64, 3072)
    _, packed = _levels(weight, precision, torch.bfloat16)
    found = [packed.nbytes]
    if precision is Precision.INT8:
        found.append(CudaInt8Product(weight).nbytes)
    for nbytes in found:
        assert 0.98 * BYTES[precision] <= nbytes / weight.numel() <= BYTES[precision]


class Peak(TorchDispatchMode):
    """Adds up what tensors hold at a time, at most."""

    def __init__(self) -> None:
        super().__init__()
        self.live = self.most = 0
        self._known = weakref.WeakSet[Any]()

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> object:
        made = func(*args, **(kwargs or {}))
        for tensor in tree_leaves(made):
            if isinstance(tensor, Tensor) and tensor.untyped_storage() not in self._known:
                storage = tensor.untyped_storage()
                self._known.add(storage)
                self.live += storage.nbytes()
                self.most = max(self.most, self.live)
                weakref.finalize(storage, self._gone, storage.nbytes())
        return made

    def _gone(self, count: int) -> None:
        self.live -= count


@pytest.mark.parametrize("takes", [1, 4])
def test_a_window_of_the_codec_scribbles_on_what_is_counted(takes: int) -> None:
    """At the true widths, a block of each: they use the same memory one after another."""
    with torch.device("meta"):
        estimator = Estimator(replace(CODEC, layers=1, layers_2=1))
    x = torch.empty(2 * takes, 154, 1024, device="meta")
    time = cast("float", torch.tensor(300.0, device="meta"))
    with torch.inference_mode(), Peak() as peak:
        estimator(x, time)
    counted = needs(replace(USUAL, takes=takes), Sizes(), "bfloat16", "float32").window
    assert 0.9 * counted <= peak.most <= counted
