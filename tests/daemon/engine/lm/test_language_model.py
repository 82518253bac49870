"""The architecture: names, sizes, and the cacheless forward pass against the reference."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from mula_daemon.engine.lm.language_model import FLAVOURS, Flavour, LanguageModel, LMConfig
from mula_daemon.engine.lm.rope import RopeScaling, frequencies, rotate, rotations

REFERENCE = Path(__file__).parents[3] / "data" / "heartmula_reference"
WEIGHTS = REFERENCE / "HeartMuLa-oss-3B" / "model.safetensors"
TOY = LMConfig(Flavour(3, 4, 2, 64, 160, 8192), Flavour(2, 2, 1, 48, 96, 2048), 512, 67)
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def model() -> LanguageModel:
    made = LanguageModel(TOY)
    made.load_state_dict(load_file(WEIGHTS))
    return made


@pytest.fixture(scope="module")
def expected() -> dict[str, Tensor]:
    return load_file(REFERENCE / "expected_lm.safetensors")


def test_keys_and_shapes_are_the_checkpoints() -> None:
    ours = {name: tensor.shape for name, tensor in LanguageModel(TOY).state_dict().items()}
    assert ours == {name: tensor.shape for name, tensor in load_file(WEIGHTS).items()}


def test_the_published_flavours_have_the_published_size() -> None:
    config = LMConfig(FLAVOURS["llama-3B"], FLAVOURS["llama-300M"], 128_256, 8197)
    with torch.device("meta"):
        state = LanguageModel(config).state_dict()
    assert len(state) == 289
    assert sum(tensor.numel() for tensor in state.values()) == pytest.approx(3.938e9, rel=2e-4)


@pytest.mark.parametrize("case", [f"case{index}" for index in range(7)])
def test_teacher_forced_logits_are_the_references(
    model: LanguageModel, expected: dict[str, Tensor], case: str
) -> None:
    ids = expected[f"{case}.prompt_text_tokens"]  # [P]
    frames = expected[f"{case}.frames"].T[:4]  # [4, C]
    wanted = expected[f"{case}.logits_first4_frames"]  # [4, C, B, V]
    rows = wanted.shape[2]
    eos = json.loads((REFERENCE / "gen_config.json").read_text())["text_eos_id"]
    reserved = torch.zeros(1, len(ids), dtype=torch.bool)
    reserved[0, ids.tolist().index(eos) + 1] = True

    prompt = model.embed_prompt(
        ids.expand(rows, -1), reserved, torch.tensor([[False], [True]])[:rows]
    )
    played = model.embed_frames(frames[:-1]).expand(rows, -1, -1)
    hidden = model.backbone_hidden(torch.cat([prompt, played], dim=1))[:, -4:]  # [B, 4, D]
    logits = model.frame_logits(hidden.flatten(0, 1), frames.repeat(rows, 1))
    torch.testing.assert_close(
        logits.unflatten(0, (rows, 4)).permute(1, 2, 0, 3), wanted, atol=1e-4, rtol=0
    )


def test_every_weight_learns() -> None:
    model = LanguageModel(TOY)
    x = torch.cat(
        [
            model.embed_prompt(
                torch.randint(512, (2, 5)),
                torch.tensor([False, False, True, False, False]),
                torch.tensor([[False], [True]]),
            ),
            model.embed_frames(torch.randint(67, (2, 3, 8)), torch.randint(512, (2, 3))),
        ],
        dim=1,
    )
    hidden = model.backbone_hidden(x)[:, -3:].flatten(0, 1)
    model.frame_logits(hidden, torch.randint(67, (6, 8))).square().sum().backward()
    silent = {name for name, p in model.named_parameters() if p.grad is None or not p.grad.any()}
    assert silent == {"muq_linear.weight"}  # it only ever sees zeros


def test_the_future_is_not_heard(model: LanguageModel) -> None:
    x = torch.randn(2, 9, 64)
    changed = x.clone()
    changed[:, 6:] += 1.0
    before, after = model.backbone_hidden(x), model.backbone_hidden(changed)
    torch.testing.assert_close(before[:, :6], after[:, :6])
    assert not torch.allclose(before[:, 6:], after[:, 6:])


@pytest.mark.parametrize("padding", [1, 7])
def test_padding_is_not_heard(model: LanguageModel, padding: int) -> None:
    x = torch.randn(1, 9, 64)
    noise = torch.randn(1, padding, 64)
    counts = torch.tensor([[False] * padding + [True] * 9])
    plain = model.backbone_hidden(x)
    left = model.backbone_hidden(torch.cat([noise, x], 1), counts)
    right = model.backbone_hidden(torch.cat([x, noise], 1), counts.flip(1))
    torch.testing.assert_close(left[:, padding:], plain, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(right[:, :9], plain, atol=1e-5, rtol=1e-5)
    assert left.isfinite().all()


def test_rope_turns_neighbouring_pairs() -> None:
    turns = rotations(4, 10, RopeScaling(theta=100.0, factor=1.0), CPU)
    turned = rotate(torch.tensor([1.0, 0.0, 0.0, 1.0]), turns[3])
    slow = torch.tensor(3 * 100.0**-0.5)
    wanted = [torch.tensor(3.0).cos(), torch.tensor(3.0).sin(), -slow.sin(), slow.cos()]
    torch.testing.assert_close(turned, torch.stack(wanted))


def test_rope_knows_differences_of_positions_only() -> None:
    turns = rotations(16, 300, RopeScaling(), CPU)
    q, k = torch.randn(2, 16)
    scores = [rotate(q, turns[p + 7]) @ rotate(k, turns[p]) for p in (0, 50, 290)]
    torch.testing.assert_close(torch.stack(scores), scores[0].expand(3), atol=1e-4, rtol=1e-4)


def test_rope_scaling_keeps_short_waves_and_stretches_long_ones() -> None:
    scaled = frequencies(128, RopeScaling())
    plain = frequencies(128, RopeScaling(factor=1.0))
    waves = 2 * torch.pi / plain
    short, long = waves < 8192 / 4, waves > 8192
    assert short.any() and long.any() and (~short & ~long).any()
    torch.testing.assert_close(scaled[short], plain[short])
    torch.testing.assert_close(scaled[long], plain[long] / 32)
    assert (scaled[:-1] > scaled[1:]).all()


@pytest.mark.parametrize(("heads", "kv_heads", "width"), [(4, 3, 64), (3, 1, 64), (4, 4, 20)])
def test_heads_that_do_not_fit_are_refused(heads: int, kv_heads: int, width: int) -> None:
    with pytest.raises(ValueError, match="do not fit"):
        Flavour(1, heads, kv_heads, width, 8, 16)
