"""HeartMuLa's language model with random weights: for speed, which does not hear the difference."""

from __future__ import annotations

from typing import Final

import torch

from mula_daemon.engine.lm import FLAVOURS, Flavour, LanguageModel, LMConfig

SIZES: Final = {
    "toy": LMConfig(Flavour(2, 4, 2, 64, 160, 2048), Flavour(2, 2, 1, 64, 96, 2048), 512, 67),
    "170m": LMConfig(
        Flavour(8, 12, 4, 768, 2048, 8192), Flavour(3, 8, 4, 768, 2048, 2048), 1024, 8197
    ),
    "3b": LMConfig(FLAVOURS["llama-3B"], FLAVOURS["llama-300M"], 128_256, 8197),
}
"""By the names that ``--size`` knows. No frame reads the text table, so 170m has a small one."""


def random_model(
    config: LMConfig, device: torch.device, dtype: torch.dtype, seed: int = 0
) -> LanguageModel:
    """Weights drawn in ``dtype`` where they will be used: no other copy exists at any time.

    They are as `LanguageModel` begins its training, so that hidden states stay in range.
    """
    with torch.device("meta"):
        model = LanguageModel(config)
    model.to(dtype).to_empty(device=device)
    generator = torch.Generator(device).manual_seed(seed)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name.endswith("scale"):
                parameter.fill_(1.0)
            else:
                parameter.normal_(std=0.02, generator=generator)
    return model.requires_grad_(False)
