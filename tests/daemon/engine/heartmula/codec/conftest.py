"""A codec of other sizes than the published one, and small enough to decode windows at once."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from mula_daemon.engine.heartmula.checkpoint import SINGLE
from mula_daemon.engine.heartmula.codec.config import read_codec_config
from mula_daemon.engine.heartmula.codec.flow import Flow
from mula_daemon.engine.heartmula.codec.heart_codec import HeartCodec
from mula_daemon.engine.heartmula.codec.waveform_decoder import WaveformDecoder
from mula_daemon.engine.heartmula.codec.weights import NORMED

SIZES = {
    "attention_head_dim": 4,
    "causal": True,
    "codebook_dim": 5,
    "codebook_size": 11,
    "default_kernel_size": 3,
    "delay_kernel_size": 5,
    "dim": 6,
    "in_channels": 14,
    "init_channel": 2,
    "latent_hidden_dim": 2,
    "norm_type": "ada_norm_single",
    "num_attention_heads": 2,
    "num_bands": 1,
    "num_layers": 2,
    "num_layers_2": 1,
    "num_quantizers": 3,
    "num_samples": 2,
    "out_channels": 4,
    "res_kernel_size": 3,
    "sample_rate": 300,
    "upsample_factors": [3, 2],
    "upsample_kernel_sizes": [6, 4],
}


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> Iterator[None]:
    """For matrices this small, others only wait for each other."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint in the published layout, with noise for weights."""
    folder = tmp_path_factory.mktemp("reference") / "HeartCodec-oss"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(SIZES))
    config = read_codec_config(folder)
    parts = nn.ModuleDict(
        {"flow_matching": Flow(config), "scalar_model": WaveformDecoder(config)}
    ).requires_grad_(False)
    generator = torch.Generator().manual_seed(5)
    published = {}
    for name, tensor in parts.state_dict().items():
        weight = 0.3 * torch.randn(tensor.shape, generator=generator)
        plain = "scalar_model" not in name or weight.dim() < 3 or ".conv.weight" in name
        if plain:
            published[name] = weight
        else:
            layer = name.removesuffix(".weight")
            lengths = torch.rand(len(weight), 1, 1, generator=generator) + 0.5
            published |= {f"{layer}{NORMED}0": lengths, f"{layer}{NORMED}1": weight}
    published["scalar_model.encoder.0.bias"] = torch.zeros(3)
    published["flow_matching.vq_embed.layers.0._codebook.cluster_size"] = torch.zeros(1, 11)
    save_file(published, folder / SINGLE)
    return folder


@pytest.fixture(scope="session")
def codec(folder: Path) -> HeartCodec:
    return HeartCodec.load(folder)
