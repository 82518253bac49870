"""The device HeartMuLa runs on, and how much it has to hold."""

from __future__ import annotations

from typing import Final

import torch
from torch import nn

from mula_bridge.errors import Unavailable
from mula_daemon.engine.graphics import best_device, gpu_trouble
from mula_daemon.engine.heartmula.card import old_card
from mula_daemon.engine.heartmula.codec import CodecConfig, Flow, WaveformDecoder
from mula_daemon.engine.heartmula.memory_plan import Sizes
from mula_daemon.engine.lm import AUTO, LanguageModel, LMConfig

NOTES: Final = {
    "cpu": "HeartMuLa on the CPU is far from real time; mini is made for machines without a GPU",
    "mps": "HeartMuLa on Apple's GPU is by construction, not by experience: nobody has run it yet; "
    "--device cpu does without",
}
"""What to say of a device at the start; for cuda it is the memory plan."""


def pick_device(asked: str = AUTO) -> torch.device:
    """The device called ``asked``. Raises Unavailable when it is not there, or of no use."""
    if asked in ("", AUTO):
        best = best_device()
        return torch.device("cpu" if best == "cuda" and old_card() else best)
    there = {
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
        "cpu": True,
    }
    trouble = gpu_trouble() if asked != "cpu" else None
    if trouble is not None and (asked == "cuda" or not there.get(asked, False)):
        raise Unavailable(f"no {asked} device: {trouble.text}; {trouble.remedy}")
    if not there.get(asked, False):
        raise Unavailable(f"torch {torch.__version__} finds no {asked} device here; leave --device")
    if asked == "cuda" and (old := old_card()) is not None:
        raise Unavailable(f"{old.text}; {old.remedy}")
    return torch.device(asked)


def note_on(device: torch.device, asked: str = AUTO) -> str:
    """What to say at the start of running there; of a card, too, that is left unused."""
    said = NOTES.get(device.type, "")
    left = device.type == "cpu" and asked in ("", AUTO)
    trouble = (gpu_trouble() or old_card()) if left else None
    return said if trouble is None else f"{said}. {trouble.text}: {trouble.remedy}"


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
