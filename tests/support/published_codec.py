"""The sizes of the codec that is published."""

from mula_daemon.engine.heartmula.codec.config import CodecConfig

PUBLISHED = CodecConfig(
    quantisers=8,
    codebook_size=8192,
    codebook_width=32,
    condition_width=512,
    layers=24,
    layers_2=6,
    heads=24,
    head_width=64,
    latent_width=256,
    upsample_factors=(5, 4, 4, 4, 3),
    repeats=2,
    channels=64,
    look_ahead_kernel=5,
    residual_kernel=7,
    last_kernel=7,
)
