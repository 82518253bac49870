"""Clips of a `mini` model as codes, many at once: through the engine's own loop, without sound."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cache
from multiprocessing import get_context
from pathlib import Path
from typing import Final, NamedTuple, Self

import numpy as np
import torch

from mula_daemon.engine.lm import (
    CodePolicy,
    Codes,
    FrameLoop,
    KnobTensors,
    Player,
    PromptTokens,
    StaticModel,
)
from mula_daemon.engine.mini import tokens, vocabulary
from mula_daemon.engine.mini.model import load_mini

TAKES: Final = 160
"""In one batch; more are no faster."""
PHRASE: Final = tokens.PHRASE_BARS * tokens.STEPS_PER_BAR
POLICY: Final = CodePolicy(valid=[tokens.codes_in(book) for book in range(tokens.TEXTURE + 1)])


@dataclass(frozen=True, slots=True)
class SamplerSetting:
    """Where the knobs stand; the defaults of temperature and top-k are the HeartMuLa paper's."""

    cfg: float
    temperature: float = 1.0
    top_k: int = 50


@dataclass(frozen=True, slots=True)
class SamplerJob:
    """A take of ``frames`` frames per seed, for canonical tags, at one setting.

    ``history`` [seeds, T, 8] are the first T frames, already played: the result starts with
    them and goes on as if the knobs had been turned to ``setting`` just then.
    """

    asked: tuple[str, ...]
    seeds: tuple[int, ...]
    setting: SamplerSetting
    frames: int = PHRASE
    history: Codes | None = None

    @property
    def kind(self) -> SamplerKind:
        """What jobs must have in common to be played in one batch."""
        played = 0 if self.history is None else self.history.shape[1]
        return SamplerKind(self.setting, self.frames, played, len(self.asked))


class SamplerKind(NamedTuple):
    """See `SamplerJob.kind`; ``played`` is the history's length, ``words`` the prompt's."""

    setting: SamplerSetting
    frames: int
    played: int
    words: int


@cache
def shared_player(weights: Path | None) -> Player:
    """The model of these weights, None for the packaged ones; loaded once in a process."""
    return Player(StaticModel(load_mini(weights)[0]))


def play(jobs: Sequence[SamplerJob], weights: Path | None = None) -> list[Codes]:
    """Codes int64 [seeds, frames, 8] of each job, made in one batch: overhead is paid once.

    The jobs must be of one `kind`.
    """
    player, kind = shared_player(weights), jobs[0].kind
    prompts = [vocabulary.prompt_ids(job.asked) for job in jobs]
    seeds = [seed for job in jobs for seed in job.seeds]
    counts = [len(job.seeds) for job in jobs]
    first = PromptTokens(prompts[0], (), vocabulary.clock_id(0))
    loop = FrameLoop(player, [first], seeds, kind.frames, policy=POLICY)
    takes = zip(prompts, counts, strict=True)
    loop.tag_takes([prompt for prompt, count in takes for _ in range(count)])
    histories = [job.history for job in jobs if job.history is not None]
    history = np.concatenate(histories) if histories else None
    loop.prefill(history, vocabulary.clock_ids(kind.played) if histories else None)
    knobs = KnobTensors.create(kind.setting.cfg, kind.setting.temperature, kind.setting.top_k)
    new = [
        loop.step(knobs, vocabulary.clock_id(frame)) for frame in range(kind.played, kind.frames)
    ]
    codes = np.stack(new, axis=1)
    whole = codes if history is None else np.concatenate([history, codes], axis=1)
    return np.split(whole, np.cumsum(counts)[:-1])


def batches(jobs: Sequence[SamplerJob]) -> list[list[SamplerJob]]:
    """``jobs`` in their order, neighbours of one kind together, of `TAKES` takes at most."""
    out: list[list[SamplerJob]] = []
    for job in jobs:
        last = out[-1] if out else []
        takes = sum(len(other.seeds) for other in [*last, job])
        if last and last[0].kind == job.kind and takes <= TAKES:
            last.append(job)
        else:
            out.append([job])
    return out


class ClipSampler:
    """Plays jobs in ``workers`` processes of one thread each; a context manager. One thread."""

    def __init__(self, weights: Path | None = None, workers: int = 1) -> None:
        self._weights = weights
        self._pool = (
            ProcessPoolExecutor(workers, get_context("spawn"), torch.set_num_threads, (1,))
            if workers > 1
            else None
        )
        self._known: dict[tuple[tuple[str, ...], int, SamplerSetting], Codes] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_raised: object) -> None:
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)

    def play(self, jobs: Sequence[SamplerJob]) -> list[Codes]:
        """The clips of each job, in their order."""
        many = batches(jobs)
        weights = [self._weights] * len(many)
        done = (self._pool.map if self._pool else map)(play, many, weights)
        return [codes for batch in done for codes in batch]

    def clips(self, genres: Iterable[str], count: int, setting: SamplerSetting) -> dict[str, Codes]:
        """``count`` clips of eight bars by genre, seeds 0..count-1; remembered: do not write.

        At cfg 0 no row hears its prompt, so all genres have the same clips.
        """
        wanted = {genre: () if setting.cfg == 0 else (genre,) for genre in genres}
        missing = [
            asked
            for asked in dict.fromkeys(wanted.values())
            if (asked, count, setting) not in self._known
        ]
        jobs = [SamplerJob(asked, tuple(range(count)), setting) for asked in missing]
        for asked, codes in zip(missing, self.play(jobs), strict=True):
            self._known[asked, count, setting] = codes
        return {genre: self._known[asked, count, setting] for genre, asked in wanted.items()}
