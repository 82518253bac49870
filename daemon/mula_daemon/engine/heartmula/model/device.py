"""The device HeartMuLa runs on, and how much it has to hold."""

from __future__ import annotations

from typing import Final

import torch
from torch import nn

from mula_bridge.errors import Unavailable
from mula_daemon.engine.graphics import best_device, gpu_trouble
from mula_daemon.engine.heartmula.card import old_card
from mula_daemon.engine.heartmula.checkpoint import read_config
from mula_daemon.engine.heartmula.codec import (
    CodecConfig,
    Flow,
    WaveformDecoder,
    read_codec_config,
)
from mula_daemon.engine.heartmula.layout import ReleaseLayout
from mula_daemon.engine.heartmula.memory_plan import Sizes, StackSizes
from mula_daemon.engine.lm import AUTO, Flavour, LanguageModel, LMConfig

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


def free_memory(device: torch.device) -> int | None:
    """Bytes of a card that can still be allocated, what torch keeps for later included; None for
    what is no card. Raises RuntimeError when the driver does."""
    if device.type != "cuda":
        return None
    free, _ = torch.cuda.mem_get_info(device)
    return free + torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)


def sizes_in(layout: ReleaseLayout) -> Sizes:
    """What `sizes_of` says of a release, by its config files. Raises `CheckpointError`."""
    return sizes_of(read_config(layout.model), read_codec_config(layout.codec))


def sizes_of(config: LMConfig, codec: CodecConfig) -> Sizes:
    """The numbers that a memory plan needs, counted on weights that are never allocated."""
    with torch.device("meta"):
        model, flow, waveform = LanguageModel(config), Flow(codec), WaveformDecoder(codec)

    def count(*modules: nn.Module) -> int:
        return sum(weight.numel() for module in modules for weight in module.parameters())

    decoder = count(model.decoder) + 2 * count(model.projection)
    heads = count(model.codebook0_head) + model.audio_head.numel()
    gates = [weight for name, weight in flow.named_parameters() if name.endswith("gate.weight")]
    # In the widest feed-forward: gate, up and their product, beside x as it came and normalised.
    window_width = 3 * max(len(gate) for gate in gates) + 5 * 2 * codec.width
    return Sizes(
        backbone=count(model.backbone),
        decoder=decoder,
        tables=heads + count(model.text_embeddings, model.audio_embeddings),
        flow=count(flow),
        convolutions=count(waveform),
        stack=_stack_sizes(config.backbone),
        inside=_stack_sizes(config.decoder),
        codebooks=config.codebooks,
        window_width=window_width,
    )


def _stack_sizes(flavour: Flavour) -> StackSizes:
    return StackSizes(
        flavour.layers, flavour.heads, flavour.kv_heads, flavour.head_dim, flavour.feed_forward
    )
