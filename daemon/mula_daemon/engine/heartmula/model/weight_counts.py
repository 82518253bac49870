"""How many weights each part of HeartMuLa has."""

from __future__ import annotations

import torch
from torch import nn

from mula_daemon.engine.heartmula.codec import CodecConfig, Flow, WaveformDecoder
from mula_daemon.engine.heartmula.memory_plan import Sizes
from mula_daemon.engine.lm import LanguageModel, LMConfig


def sizes_of(config: LMConfig, codec: CodecConfig) -> Sizes:
    """The numbers that a memory plan needs, counted on weights that are never allocated."""
    with torch.device("meta"):
        model, flow, waveform = LanguageModel(config), Flow(codec), WaveformDecoder(codec)

    def count(*modules: nn.Module) -> int:
        return sum(weight.numel() for module in modules for weight in module.parameters())

    layers = count(model.backbone, model.decoder)
    flavour = config.backbone
    return Sizes(
        layers=layers,
        tables=count(model) - layers,
        flow=count(flow),
        convolutions=count(waveform),
        position_bytes=flavour.layers * flavour.kv_heads * flavour.head_dim * 2 * 2,
    )
