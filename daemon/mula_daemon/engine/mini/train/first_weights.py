"""What `mini` knows of time before its first lesson: bars, phrases, and where to look back.

Random weights spend half of a short training run on finding out that music repeats by the
bar. Two things are laid into them instead; training is free to change both:

* the clock tokens' embeddings are waves: one constant, the place in the bar and the bar in
  the phrase as sines and cosines. Codes start with nothing in those dimensions;
* some heads of the first two layers look a fixed way back. A head whose query and key read
  the constant alone scores a position by its distance: with rotary positions that turn pair
  ``j`` by ``f_j`` a step, a key turned on by ``f_j * d`` gives ``sum_j cos(f_j * (distance -
  d))``, which is highest at distance ``d``.
"""

from __future__ import annotations

import math
from typing import Final

import torch
from torch import Tensor

from mula_daemon.engine.lm import Block, LanguageModel, frequencies
from mula_daemon.engine.mini import tokens, vocabulary

CONSTANT: Final = 0.5
WAVE: Final = 0.06
LOOKS_BACK: Final = ((1, 1, 1, 2, 4, 4), (1, 2, 4, 8))
"""Bars back, by head, of the first layers; heads without a number start at random."""
CONTRAST: Final = 3.1
"""Nats that each rotary pair adds to the score of the place looked for."""
PAIRS: Final = 10
"""Rotary pairs, from the fastest, that take part; the slow ones only blur."""
OTHER: Final = 0.3
"""What is left of such a head's random weights."""


def clock_waves() -> Tensor:
    """[clock tokens, waves]: a constant, then place in the bar, then bar in the phrase."""
    clock = torch.arange(vocabulary.CLOCKS)
    waves = [torch.full((vocabulary.CLOCKS,), CONSTANT)]
    for place, period in (
        (clock, tokens.STEPS_PER_BAR),
        (clock // tokens.STEPS_PER_BAR, tokens.PHRASE_BARS),
    ):
        for harmonic in range(1, period // 2 + 1):
            angle = 2 * math.pi * harmonic * place / period
            waves.append(WAVE * angle.cos())
            if harmonic < period // 2:  # the last sine is nought everywhere
                waves.append(WAVE * angle.sin())
    return torch.stack(waves, dim=1)


@torch.no_grad()
def lay_time(model: LanguageModel) -> None:
    """Writes the waves and the heads that look back into fresh weights, in place."""
    waves = clock_waves()
    first, count = vocabulary.clock_id(0), waves.shape[1]
    text = model.text_embeddings.weight
    text[:, :count] = 0
    text[first : first + len(waves)] = 0
    text[first : first + len(waves), :count] = waves
    codes = model.audio_embeddings.weight
    codes[:, :count] = 0
    size = (model.config.codebooks * codes.square().sum(-1).mean() + waves[0].square().sum()).sqrt()
    constant = CONSTANT / (size / codes.shape[1] ** 0.5)  # as the layers' norm lets it through
    head = model.config.backbone.head_dim
    speeds = frequencies(head, model.backbone.scaling).float()
    for layer, bars in zip(model.backbone.layers, LOOKS_BACK, strict=False):
        assert isinstance(layer, Block)
        for number, back in enumerate(bars):
            # The position that predicts a frame holds the frame before it.
            angle = speeds * (back * tokens.STEPS_PER_BAR - 1)
            strength = torch.zeros(head // 2)
            strength[:PAIRS] = (CONTRAST * head**0.5) ** 0.5 / constant
            rows = slice(number * head, (number + 1) * head)
            for projection, turned in ((layer.attn.q_proj, 0 * angle), (layer.attn.k_proj, angle)):
                projection.weight[rows] *= OTHER
                turn = torch.stack([turned.cos(), turned.sin()], dim=1)  # [pairs, 2]
                projection.weight[rows, 0] = (strength[:, None] * turn).flatten()
