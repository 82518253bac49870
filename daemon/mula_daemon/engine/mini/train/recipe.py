"""The recipe of the shipped weights: sizes and every number of the training run."""

from __future__ import annotations

from dataclasses import dataclass, field

from mula_daemon.engine.lm import Flavour, LMConfig
from mula_daemon.engine.mini import tokens, vocabulary

MAX_POSITIONS = 1024


def config() -> LMConfig:
    """`mini`'s sizes: about four million weights."""
    return LMConfig(
        backbone=Flavour(4, 8, 8, 256, 512, MAX_POSITIONS),
        decoder=Flavour(2, 4, 4, 160, 384, tokens.TEXTURE + 1),
        text_vocab=len(vocabulary.TEXT_IDS),
        audio_vocab=tokens.AUDIO_VOCAB,
        codebooks=tokens.TEXTURE + 1,
        muq_dim=8,
        rope_theta=1_000.0,
        rope_scale=1.0,
    )


@dataclass(frozen=True, slots=True)
class TrainingRecipe:
    """How a model is trained. Batches always hold about ``frames`` frames."""

    seed: int = 0
    steps: int = 7200
    pieces: int = 12_000
    frames: int = 1024
    bars: dict[int, float] = field(default_factory=lambda: {8: 0.7, 16: 0.2, 32: 0.1})
    """Clip lengths and how often a batch has them."""
    local_share: float = 0.2
    """Part of the frames on which the local decoder is trained, besides all bar lines."""
    slips: float = 0.04
    """Rows hear up to this share of wrong codes in what was played, drawn by row: a model that
    has only heard perfect playing takes its own first slip for a change of genre."""
    ramp: float = 0.3
    """The bias grows from nothing to its full size over this part of the run: tags are learnt
    in a fraction of the time where they are obeyed at first."""
    rate: float = 3e-3
    """Of the tables, heads and norms, which AdamW updates."""
    matrix_rate: float = 1e-2
    """Of the matrices inside the layers, which Muon updates."""
    last: float = 0.02
    """What both rates have come down to at the end, as a part of themselves."""
    warm_up: int = 100
    decay: float = 0.05
    clip: float = 1.0
    workers: int = 2
