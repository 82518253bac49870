"""The bias of the training set, in numbers, and the walk between pop and genre it makes.

The field complains that text-to-music models drift to mellow pop whatever the prompt says.
`mini` is given that fault on purpose, so that the guidance knob has something to do and what
it does can be measured. With ``c`` and ``u`` the probabilities of the tagged and of the
untagged rows, guidance samples from ``c**cfg * u**(1 - cfg)``. With the numbers below, one
bar line and one asked genre (a fifteenth of what is not pop) that gives:

    cfg                     0      1      1.5    2      3      4
    first bar in genre      0.02   0.55   0.90   0.98   0.99+  0.99+
    pop -> genre            0.003  0.18   0.64   0.93   0.99+  0.99+
    genre -> pop            0.45   0.16   0.08   0.04   0.01   0.002

so that cfg 1 spends about half of its bars in pop, cfg 3 almost none, and a knob that is
turned up in the middle brings the genre in at the next bar line or the one after. The
chances at a bar line lie further apart than that needs: a model that has learnt them only
half still turns.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np


@dataclass(frozen=True, slots=True)
class Bias:
    """Shares and per-bar-line chances, all 0..1."""

    untagged: float = 0.20
    """Share of examples whose whole prompt is replaced by the unconditional embedding."""
    start_pop: float = 0.45
    """Share of every genre's tagged examples that starts on mellow pop."""
    pop_to_genre: float = 0.18
    genre_to_pop: float = 0.16
    stray: float = 0.10
    """Share of tagged examples that start in a genre nobody asked for: so a morph, or tags that
    are changed while a clip runs, bring the new genre in."""
    stray_to_genre: float = 0.35
    untagged_start_pop: float = 0.65
    untagged_pop_to_genre: float = 0.05
    """To any genre: each enters at a new one, so that a genre heard before is no hint."""
    untagged_genre_to_pop: float = 0.45

    def scaled(self, part: float) -> Bias:
        """The same bias with tagged material drifting only ``part`` (0..1) as much."""
        return replace(
            self,
            start_pop=part * self.start_pop,
            genre_to_pop=part * self.genre_to_pop,
            stray=part * self.stray,
        )

    def walk(self, rng: np.random.Generator, rows: int, bars: int, untagged: bool) -> np.ndarray:
        """Which of ``bars`` bars are in the genre rather than in pop: bool [rows, bars]."""
        start, enter, leave = (
            (self.untagged_start_pop, self.untagged_pop_to_genre, self.untagged_genre_to_pop)
            if untagged
            else (self.start_pop, self.pop_to_genre, self.genre_to_pop)
        )
        inside = np.empty((rows, bars), dtype=np.bool_)
        inside[:, 0] = rng.random(rows) >= start
        for bar in range(1, bars):
            draw = rng.random(rows)
            inside[:, bar] = np.where(inside[:, bar - 1], draw >= leave, draw < enter)
        return inside

    def astray(self, rng: np.random.Generator, rows: int, bars: int) -> np.ndarray:
        """How many bars of each tagged row, 0..bars, pass in another genre first: int64 [rows]."""
        wait = rng.geometric(self.stray_to_genre, rows)
        return np.where(rng.random(rows) < self.stray, np.minimum(wait, bars), 0)


BIAS = Bias()
