"""A HeartCodec of random weights, for speed and memory, which do not hear the difference."""

from __future__ import annotations

from typing import Final

import torch

from mula_daemon.engine.heartmula.codec import CodecConfig, Flow, HeartCodec, WaveformDecoder

CODECS: Final = {
    "toy": CodecConfig(8, 64, 8, 32, 2, 1, 4, 8, 256, (5, 4, 4, 4, 3), 2, 4, 5, 7, 7),
    "3b": CodecConfig(8, 8192, 32, 512, 24, 6, 24, 64, 256, (5, 4, 4, 4, 3), 2, 64, 5, 7, 7),
}
"""By the names of `frame_speed.SIZES`; 3b's is the published one: 1.49 and 0.084 G weights."""


def random_codec(
    config: CodecConfig, device: torch.device, dtype: torch.dtype = torch.float32, seed: int = 0
) -> HeartCodec:
    """Drawn where it is used; ``dtype`` is as in `HeartCodec.load`."""
    with torch.device("meta"):
        flow, waveform = Flow(config), WaveformDecoder(config)
    flow.estimator.to(dtype)
    generator = torch.Generator(device).manual_seed(seed)
    with torch.no_grad():
        for module in (flow, waveform):
            module.to_empty(device=device)
            for name, parameter in module.named_parameters():
                if parameter.dim() > 1:
                    parameter.normal_(std=0.02, generator=generator)
                else:
                    parameter.fill_(0.0 if name.endswith("bias") else 1.0)
            module.requires_grad_(False)
    return HeartCodec(config, flow, waveform)
