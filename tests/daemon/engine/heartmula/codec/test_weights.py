"""Reading a codec's folder, whole and broken, of any size."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch.nn.functional import conv1d
from torch.nn.utils.parametrizations import weight_norm

from mula_daemon.bench.parity import compare_codec
from mula_daemon.engine.heartmula.checkpoint import INDEX, SINGLE, CheckpointError
from mula_daemon.engine.heartmula.codec.config import read_codec_config
from mula_daemon.engine.heartmula.codec.heart_codec import HeartCodec
from mula_daemon.engine.heartmula.codec.weights import NORMED

FIRST = "scalar_model.decoder.0"


@pytest.fixture
def copy(folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(folder, tmp_path / "HeartCodec-oss"))


def sounds(codec: HeartCodec) -> torch.Tensor:
    codes = torch.arange(60).view(3, 20) % 11
    sound = codec.decode(codes, torch.Generator().manual_seed(1), steps=2)
    return torch.from_numpy(sound)


def test_weight_norm_is_folded(folder: Path, codec: HeartCodec) -> None:
    weights = load_file(folder / SINGLE)
    layer = weight_norm(torch.nn.Conv1d(2, 8, 5)).requires_grad_(False)
    layer.parametrizations["weight"].original0.copy_(weights[f"{FIRST}{NORMED}0"])
    layer.parametrizations["weight"].original1.copy_(weights[f"{FIRST}{NORMED}1"])
    x = torch.randn(1, 2, 9)
    ours = codec.waveform.decoder[0].weight
    assert isinstance(ours, torch.Tensor)
    assert torch.allclose(conv1d(x, ours), conv1d(x, layer.weight), atol=1e-6)


def test_halves_may_lie_in_any_order_and_file(copy: Path, codec: HeartCodec) -> None:
    weights = load_file(copy / SINGLE)
    parts: dict[str, dict[str, torch.Tensor]] = {"a.safetensors": {}, "b.safetensors": {}}
    for name, tensor in weights.items():
        late = name.endswith("0") == ("decoder.1" in name)  # lengths first here, second there
        parts["b.safetensors" if late else "a.safetensors"][name] = tensor
    for file, part in parts.items():
        save_file(part, copy / file)
    files = {name: file for file, part in parts.items() for name in part}
    (copy / INDEX).write_text(json.dumps({"weight_map": files}))
    (copy / SINGLE).unlink()
    assert torch.equal(sounds(HeartCodec.load(copy)), sounds(codec))


def drop(key: str) -> Callable[[Path], None]:
    def spoil(folder: Path) -> None:
        weights = load_file(folder / SINGLE)
        del weights[key]
        save_file(weights, folder / SINGLE)

    return spoil


def put(key: str) -> Callable[[Path], None]:
    return lambda folder: save_file(
        load_file(folder / SINGLE) | {key: torch.zeros(1)}, folder / SINGLE
    )


@pytest.mark.parametrize(
    ("spoil", "named"),
    [
        (lambda folder: (folder / SINGLE).unlink(), SINGLE),
        (lambda folder: (folder / "config.json").unlink(), r"config\.json"),
        (drop("flow_matching.estimator.scale_shift_table_2"), "scale_shift_table_2"),
        (drop(f"{FIRST}{NORMED}0"), FIRST),
        (put("scalar_model.tail"), "scalar_model.tail"),
        (put("flow_matching.cond_feature_emb.bias"), "shape"),
    ],
)
def test_what_is_wrong_is_named(copy: Path, spoil: Callable[[Path], None], named: str) -> None:
    spoil(copy)
    with pytest.raises(CheckpointError, match=named):
        HeartCodec.load(copy)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("causal", False),
        ("norm_type", "layer_norm"),
        ("num_bands", 4),
        ("in_channels", 15),
        ("latent_hidden_dim", 4),
        ("sample_rate", 48000),
        ("upsample_factors", [2, 2, 2]),
        ("upsample_factors", []),
        ("upsample_factors", [0, 6]),
        ("upsample_kernel_sizes", [6, 6]),
        ("num_layers", 0),
        ("codebook_size", "many"),
    ],
)
def test_a_bad_size_is_named(copy: Path, key: str, value: Any) -> None:
    values = json.loads((copy / "config.json").read_text())
    (copy / "config.json").write_text(json.dumps(values | {key: value}))
    with pytest.raises(CheckpointError, match=r"config\.json: .*[a-z_]+"):
        read_codec_config(copy)


def test_parity_takes_a_codec_of_other_sizes(copy: Path, codec: HeartCodec) -> None:
    codes = torch.arange(3 * 400).view(3, 400) % 11
    draws = [torch.randn(1, latents, 4) for latents in (744, 744, 640, 744)]
    used = iter([draws[1][0], draws[3][0]])
    sound = list(codec.blocks(codes, lambda *_: next(used), steps=3, guidance=2.0))
    wav = torch.cat([torch.from_numpy(block) for block in sound]).T.contiguous()
    tensors = {"c.codes": codes, "c.wav": wav}
    tensors |= {f"c.randn{index}": draw for index, draw in enumerate(draws)}
    save_file(tensors, copy.parent / "expected_codec.safetensors")
    case = {"name": "c", "num_steps": 3, "guidance_scale": 2.0}
    (copy.parent / "expected_codec.json").write_text(json.dumps([case]))
    (result,) = compare_codec(copy.parent)
    assert result.passed
