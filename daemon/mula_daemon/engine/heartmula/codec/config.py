"""The sizes in a codec checkpoint's config.json. Engine process only."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

from mula_daemon.engine.heartmula.checkpoint import CheckpointError, integer, read_json

LATENTS_PER_FRAME = 2
LATENT_RATE = 25  # per second
CHANNELS = 2  # a latent holds both, one after the other

_FIXED = {  # what every published codec has, and what this code takes for granted
    "causal": True,
    "norm_type": "ada_norm_single",
    "num_bands": 1,
}


@dataclass(frozen=True)
class CodecConfig:
    """Everything that fixes the shapes and the arithmetic of a `HeartCodec`.

    ``upsample_factors`` multiply the rate of the latents one after another, ``repeats`` does so
    once more at the end; ``*_kernel`` are widths of convolutions.
    """

    quantisers: int
    codebook_size: int
    codebook_width: int
    condition_width: int
    layers: int
    layers_2: int
    heads: int
    head_width: int
    latent_width: int
    upsample_factors: tuple[int, ...]
    repeats: int
    channels: int
    look_ahead_kernel: int
    residual_kernel: int
    last_kernel: int

    @property
    def samples_per_latent(self) -> int:
        return prod(self.upsample_factors) * self.repeats

    @property
    def samples_per_frame(self) -> int:
        return self.samples_per_latent * LATENTS_PER_FRAME

    @property
    def sample_rate(self) -> int:
        """Hz."""
        return self.samples_per_latent * LATENT_RATE

    @property
    def width(self) -> int:
        """Of the flow transformer's first stage; the second is twice as wide."""
        return self.heads * self.head_width


def read_codec_config(directory: Path) -> CodecConfig:
    """The sizes in ``directory/config.json``.

    Raises `CheckpointError` when they are missing, contradict each other, or describe a codec of
    another structure.
    """
    path = directory / "config.json"
    values = read_json(path)
    for key, value in _FIXED.items():
        if values.get(key) != value:
            raise CheckpointError(
                f"{path}: {key} is {values.get(key)!r}; this version only knows {value!r}"
            )

    def size(key: str) -> int:
        number = integer(values, key, path)
        if not number:
            raise CheckpointError(f"{path}: key {key!r} must not be 0")
        return number

    config = CodecConfig(
        quantisers=size("num_quantizers"),
        codebook_size=size("codebook_size"),
        codebook_width=size("codebook_dim"),
        condition_width=size("dim"),
        layers=size("num_layers"),
        layers_2=size("num_layers_2"),
        heads=size("num_attention_heads"),
        head_width=size("attention_head_dim"),
        latent_width=size("out_channels"),
        upsample_factors=_factors(values, "upsample_factors", path),
        repeats=size("num_samples"),
        channels=size("init_channel"),
        look_ahead_kernel=size("delay_kernel_size"),
        residual_kernel=size("res_kernel_size"),
        last_kernel=size("default_kernel_size"),
    )
    agreed = {
        "in_channels": 2 * config.latent_width + config.condition_width,
        "latent_hidden_dim": config.latent_width // CHANNELS,
        "sample_rate": config.sample_rate,
        "upsample_kernel_sizes": [2 * factor for factor in config.upsample_factors],
    }
    for key, wanted in agreed.items():
        if values.get(key) != wanted:
            raise CheckpointError(
                f"{path}: {key} is {values.get(key)!r}, but the other sizes ask for {wanted!r}"
            )
    return config


def _factors(values: Mapping[str, Any], key: str, path: Path) -> tuple[int, ...]:
    factors = values.get(key)
    if not isinstance(factors, list) or not factors:
        raise CheckpointError(f"{path}: key {key!r} must be a list of whole numbers")
    if any(type(factor) is not int or factor < 1 for factor in factors):
        raise CheckpointError(f"{path}: key {key!r} must be a list of whole numbers above 0")
    return tuple(factors)
