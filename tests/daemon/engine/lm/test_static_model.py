"""The fused view against the plain modules it was packed from."""

from collections.abc import Iterator

import pytest
import torch
from torch import Tensor

from mula_daemon.engine.lm.language_model import Flavour, LanguageModel, LMConfig
from mula_daemon.engine.lm.precision import Precision
from mula_daemon.engine.lm.static_model import StaticModel

CONFIGS = {
    "other widths": LMConfig(Flavour(2, 4, 2, 32, 48, 256), Flavour(2, 2, 1, 24, 40, 16), 30, 19),
    "no groups": LMConfig(Flavour(1, 2, 2, 16, 24, 256), Flavour(1, 4, 4, 32, 40, 16), 30, 19),
    "one head": LMConfig(Flavour(2, 4, 1, 32, 48, 256), Flavour(3, 3, 1, 24, 40, 16), 30, 19),
    "four codebooks": LMConfig(
        Flavour(1, 2, 1, 16, 24, 256),
        Flavour(1, 2, 2, 16, 24, 16),
        30,
        19,
        codebooks=4,
        rope_theta=10_000.0,
        rope_scale=1.0,
        norm_eps=1e-3,
    ),
}


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """As the engine has it for small matrices; others only wait for each other."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(autouse=True)
def the_same_numbers() -> None:
    """Whatever ran before."""
    torch.manual_seed(0)


def random_model(config: LMConfig) -> LanguageModel:
    """With weights far from their initial values, the norms' scales included."""
    generator = torch.Generator().manual_seed(3)
    model = LanguageModel(config)
    with torch.no_grad():
        for parameter in model.parameters():
            spread = 0.3 if parameter.dim() > 1 else 1.0
            parameter.normal_(std=spread, generator=generator)
    return model


def stepped(model: StaticModel, x: Tensor, codes: Tensor, slots: int = 64) -> Tensor:
    """Logits [C, R, V] of frame ``codes`` [R, C] after positions ``x`` [R, S, D], step by step."""
    rows, length, _ = x.shape
    state, inside = model.backbone_state(rows, slots), model.decoder_state(rows)
    with torch.inference_mode():
        hidden = model.prefill(x[:, :2], torch.ones(rows, 2, dtype=torch.bool), state)
        for position in range(2, length):
            bias = torch.full((state.pairs.shape[1], 1, slots), -torch.inf, dtype=model.dtype)
            bias[:, :, : position + 1] = 0.0
            slot = torch.tensor([position])
            hidden = model.backbone.one(x[:, position].clone(), state, slots, slot, bias)
        logits = [model.logits(0, hidden)]
        for codebook in range(1, model.config.codebooks):
            code = codes[:, codebook - 1]
            if codebook == 1:
                within = model.open_frame(hidden, code, inside)
            else:
                within = model.next_codebook(codebook - 1, code, inside)
            logits.append(model.logits(codebook, within))
    return torch.stack(logits)


@pytest.mark.parametrize("name", CONFIGS)
def test_cached_steps_are_the_cacheless_forward(name: str) -> None:
    config = CONFIGS[name]
    model = random_model(config)
    x = torch.randn(3, 9, config.backbone.width)
    codes = torch.randint(config.audio_vocab, (3, config.codebooks))
    with torch.no_grad():
        wanted = model.frame_logits(model.backbone_hidden(x)[:, -1], codes)  # [R, C, V]
    ours = stepped(StaticModel(model), x, codes)
    torch.testing.assert_close(ours.transpose(0, 1), wanted, atol=1e-4, rtol=1e-4)


def test_bfloat16_is_close_and_its_logits_are_float32() -> None:
    config = CONFIGS["other widths"]
    model = random_model(config)
    x = torch.randn(2, 5, config.backbone.width)
    codes = torch.randint(config.audio_vocab, (2, config.codebooks))
    fine = stepped(StaticModel(model), x, codes)
    coarse = stepped(StaticModel(model, precision=Precision.BFLOAT16), x, codes)
    assert coarse.dtype == torch.float32
    assert (fine - coarse).norm() < 0.05 * fine.norm()


def test_the_local_decoder_needs_no_reset() -> None:
    model = StaticModel(random_model(CONFIGS["other widths"]))
    state = model.decoder_state(2)
    hidden = torch.randn(2, model.config.backbone.width)
    codes = torch.tensor([3, 4])
    with torch.inference_mode():
        first = model.open_frame(hidden, codes, state)
        for codebook in range(1, 7):
            model.next_codebook(codebook, codes, state)
        assert torch.equal(model.open_frame(hidden, codes, state), first)


def test_caches_keep_the_real_number_of_key_value_heads() -> None:
    config = CONFIGS["one head"]
    state = StaticModel(LanguageModel(config)).backbone_state(rows=2, slots=64)
    assert state.pairs.shape == (2, 2 * 1, 2, 64, 8)  # layers, rows x heads, k and v, slots, size


@pytest.mark.parametrize("precision", Precision)
def test_every_precision_runs_and_stays_near(precision: Precision) -> None:
    config = CONFIGS["other widths"]
    model = random_model(config)
    x = torch.randn(2, 5, config.backbone.width)
    codes = torch.randint(config.audio_vocab, (2, config.codebooks))
    fine = stepped(StaticModel(model), x, codes)
    packed = StaticModel(model, precision=precision)
    assert (fine - stepped(packed, x, codes)).norm() < 0.5 * fine.norm()
    assert 0 < packed.frame_nbytes <= StaticModel(model).frame_nbytes


def test_what_opens_the_local_decoder_is_as_fine_as_it() -> None:
    wide = LMConfig(Flavour(1, 2, 1, 64, 64, 64), Flavour(1, 2, 1, 64, 64, 16), 30, 19)
    model = StaticModel(random_model(wide), precision=Precision.INT4)
    assert model.backbone.layers[0].out.kind == "int4"
    assert model.projection.kind == model.open_projection.kind == "int8"
    assert {product.kind for product in model.decoder.layers[0]} == {"int8"}


def test_a_released_model_gives_its_memory_up() -> None:
    config = CONFIGS["other widths"]
    model = random_model(config)
    x = torch.randn(2, 5, config.backbone.width)
    codes = torch.randint(config.audio_vocab, (2, config.codebooks))
    kept = stepped(StaticModel(model), x, codes)
    released = StaticModel(model, release=True)
    assert sum(parameter.numel() for parameter in model.parameters()) == 0
    assert torch.equal(stepped(released, x, codes), kept)
