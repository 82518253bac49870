"""The form of a phrase: how alike its eight bars are, as a self-similarity matrix."""

from __future__ import annotations

import random

import numpy as np
from numpy.typing import NDArray

from mula_daemon.engine.lm import Codes
from mula_daemon.engine.mini import tags, tokens
from mula_daemon.engine.mini.train import compose

Matrix = NDArray[np.float64]


def bar_similarity(codes: Codes) -> Matrix:
    """[bars, bars] of clips [N, T, 8]: of the codes that are no rest in either of two bars, the
    share that is the same in both; the mean over clips. 1 on the diagonal.
    """
    clips, frames = codes.shape[:2]
    bars = codes.reshape(clips, frames // tokens.STEPS_PER_BAR, -1)  # [N, L, 16 * 8]
    one, other = bars[:, :, None], bars[:, None]
    sounding = (one != tokens.REST) | (other != tokens.REST)
    same = ((one == other) & sounding).sum(-1) / np.maximum(sounding.sum(-1), 1)
    out: Matrix = same.mean(0)
    return out


def grammar_clips(pieces: int) -> Codes:
    """Codes int64 [16 * pieces, 128, 8]: ``pieces`` pieces of every genre's grammar."""
    return np.stack(
        [
            compose(genre, random.Random(f"form/{number}")).codes.astype(np.int64)
            for genre in tags.GENRES
            for number in range(pieces)
        ]
    )
