"""Training examples: pieces composed once, then cut, mixed with pop and tagged by the batch.

Letters: N pieces, L bars of a piece, R rows, T frames.
"""

from __future__ import annotations

import random
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from typing import Final

import numpy as np

from mula_daemon.engine.mini import tags, tokens
from mula_daemon.engine.mini.train.bias import BIAS, Bias
from mula_daemon.engine.mini.train.material import compose

STEPS: Final = tokens.STEPS_PER_BAR
PITCHED: Final = tuple(tokens.PITCHED_VOICES)
PIECE_BARS: Final = 32
MELLOW_POP: Final = -1
"""The kind of piece that everything drifts to, beside the genres 0..15."""
TAG_COUNTS: Final = {0: 0.04, 1: 0.36, 2: 0.26, 3: 0.18, 4: 0.10, 5: 0.04, 6: 0.02}
"""How many tags a prompt has; rows of a batch share it, so that no prompt needs padding. A
prompt without tags is trained on untagged material."""
GENRELESS: Final = 0.06
"""Share of prompts with two tags or more that do not name the genre."""


@dataclass(frozen=True, slots=True)
class MaterialLibrary:
    """Composed pieces. ``codes`` uint8 [N, L, 16, 8]; ``carried`` uint8 [N, L, 3] is the note
    each pitched codebook is holding when a bar begins; ``kind`` int8 [N]; ``tags`` by piece.
    """

    codes: np.ndarray
    carried: np.ndarray
    kind: np.ndarray
    tags: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Batch:
    """``codes`` int64 [R, T, 8]; ``prompts`` canonical tags by row; ``untagged`` bool [R]."""

    codes: np.ndarray
    prompts: list[list[str]]
    untagged: np.ndarray


def build(seed: int, pieces: int, *, workers: int = 1) -> MaterialLibrary:
    """Composes ``pieces`` pieces: a quarter mellow pop, the rest spread evenly over genres.

    The result depends on ``seed`` and ``pieces`` alone, not on ``workers``.
    """
    chunks = [(seed, first, min(first + 500, pieces)) for first in range(0, pieces, 500)]
    if workers == 1:
        parts = [_chunk(chunk) for chunk in chunks]
    else:
        with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
            parts = list(pool.map(_chunk, chunks))
    codes = np.concatenate([codes for codes, _, _ in parts])
    return MaterialLibrary(
        codes=codes,
        carried=_carried(codes),
        kind=np.concatenate([kind for _, kind, _ in parts]),
        tags=tuple(tags for _, _, part in parts for tags in part),
    )


def _chunk(job: tuple[int, int, int]) -> tuple[np.ndarray, np.ndarray, list[tuple[str, ...]]]:
    seed, first, last = job
    codes = np.empty((last - first, PIECE_BARS, STEPS, tokens.TEXTURE + 1), dtype=np.uint8)
    kind = np.empty(last - first, dtype=np.int8)
    found = []
    for i, number in enumerate(range(first, last)):
        rng = random.Random(f"{seed}/{number}")
        mellow = number % 4 == 3
        kind[i] = MELLOW_POP if mellow else number % len(tags.GENRES)
        if not mellow:  # every genre gets its turn although each fourth number is pop's
            kind[i] = (number - number // 4) % len(tags.GENRES)
        piece = (
            compose("pop", rng, PIECE_BARS, mood="mellow", energy=rng.choice(("calm", "")))
            if mellow
            else compose(tags.GENRES[kind[i]], rng, PIECE_BARS)
        )
        codes[i] = piece.codes.reshape(PIECE_BARS, STEPS, -1)
        found.append(piece.tags)
    return codes, kind, found


def _carried(codes: np.ndarray) -> np.ndarray:
    """The note (or REST) sounding just before each bar, per pitched codebook: [N, L, 3]."""
    out = np.zeros((*codes.shape[:2], len(PITCHED)), dtype=np.uint8)
    sounding = np.zeros((len(codes), len(PITCHED)), dtype=np.uint8)
    for bar in range(codes.shape[1]):
        out[:, bar] = sounding
        for step in range(STEPS):
            now = codes[:, bar, step][:, PITCHED]
            sounding = np.where(now == tokens.HOLD, sounding, now)
    return out


class Examples:
    """Batches for ever, from one library, one bias and one seed."""

    def __init__(self, library: MaterialLibrary, seed: int, bias: Bias = BIAS) -> None:
        self._library = library
        self.bias = bias
        self._rng = np.random.default_rng(seed)
        self._counts = np.array([len(found) for found in library.tags])
        self._by_kind = {
            kind: np.flatnonzero(library.kind == kind) for kind in np.unique(library.kind)
        }
        self._genres = np.array([kind for kind in self._by_kind if kind != MELLOW_POP])
        self._not_pop = self._genres[self._genres != tags.GENRES.index("pop")]

    def batch(self, rows: int, bars: int) -> Batch:
        """A batch of ``rows`` clips of ``bars`` bars (a multiple of 8, up to 32)."""
        rng = self._rng
        count = int(rng.choice(list(TAG_COUNTS), p=list(TAG_COUNTS.values())))
        untagged = rng.random(rows) < self.bias.untagged
        anything = untagged | (count == 0)
        inside = np.where(
            anything[:, None],
            self.bias.walk(rng, rows, bars, untagged=True),
            self.bias.walk(rng, rows, bars, untagged=False),
        )
        astray = np.where(anything, 0, self.bias.astray(rng, rows, bars))
        piece = np.empty((rows, bars), dtype=np.int64)
        prompts: list[list[str]] = []
        for row in range(rows):
            own = self._draw(self._genres, count)
            piece[row] = own
            prompts.append(self._prompt(self._library.tags[own], count))
            if anything[row]:
                piece[row] = self._wander(inside[row])
            elif first := int(astray[row]):
                inside[row] = np.roll(inside[row], first)
                inside[row, : first + 1] = True
                piece[row, :first] = self._other(int(self._library.kind[own]))
        pop = self._by_kind[MELLOW_POP][rng.integers(len(self._by_kind[MELLOW_POP]), size=rows)]
        piece = np.where(inside, piece, pop[:, None])
        last_start = (PIECE_BARS - bars) // tokens.PHRASE_BARS
        start = rng.integers(last_start + 1, size=rows) * tokens.PHRASE_BARS
        bar = start[:, None] + np.arange(bars)
        codes = self._library.codes[piece, bar].astype(np.int64)  # [R, L, 16, 8]
        self._enter(codes, piece, self._library.carried[piece, bar])
        return Batch(codes.reshape(rows, bars * STEPS, -1), prompts, untagged)

    def _draw(self, kinds: np.ndarray, least_tags: int) -> int:
        while True:
            own = self._by_kind[kinds[self._rng.integers(len(kinds))]]
            found = int(own[self._rng.integers(len(own))])
            if self._counts[found] >= least_tags:
                return found

    def _other(self, kind: int) -> int:
        """A piece of another genre than ``kind``."""
        return self._draw(self._genres[self._genres != kind], 0)

    def _wander(self, inside: np.ndarray) -> np.ndarray:
        """Pieces by bar of untagged material: every return from pop is to another genre."""
        out = np.empty(len(inside), dtype=np.int64)
        now = 0
        for bar, here in enumerate(inside):
            if bar == 0 or (here and not inside[bar - 1]):
                now = self._draw(self._not_pop, 0)
            out[bar] = now
        return out

    def _prompt(self, found: tuple[str, ...], count: int) -> list[str]:
        """``count`` tags that are true of the piece, in any order, nearly always its genre."""
        if count == 0:
            return []
        genre, *others = found
        named = count == 1 or len(others) < count or self._rng.random() >= GENRELESS
        chosen = [genre] if named else []
        rest = self._rng.permutation(len(others))[: count - len(chosen)]
        chosen += [others[i] for i in rest]
        return [chosen[i] for i in self._rng.permutation(len(chosen))]

    @staticmethod
    def _enter(codes: np.ndarray, piece: np.ndarray, carried: np.ndarray) -> None:
        """Where a bar enters another piece (or starts the clip), strikes what it is holding."""
        fresh = np.ones(piece.shape, dtype=np.bool_)
        fresh[:, 1:] = piece[:, 1:] != piece[:, :-1]
        for i, codebook in enumerate(PITCHED):
            first = codes[:, :, 0, codebook]
            held = fresh & (first == tokens.HOLD)
            codes[:, :, 0, codebook] = np.where(held, carried[:, :, i], first)
