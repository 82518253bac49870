"""Do instrument and energy tags do what they say? Counted in codes, without an ear."""

from __future__ import annotations

import random
from collections.abc import Sequence
from functools import cache
from typing import Final

import numpy as np

from mula_daemon.bench.clip_sampler import ClipSampler, SamplerJob, SamplerSetting
from mula_daemon.engine.lm import Codes
from mula_daemon.engine.mini import tags, tokens
from mula_daemon.engine.mini.train import compose, instruments_in

SETTING: Final = SamplerSetting(3.0)
_PIECES: Final = 30


def homes() -> dict[str, str]:
    """By instrument tag, the genre whose grammar plays it in about every third piece: there a
    tag makes the difference."""
    found = {}
    for tag in tags.INSTRUMENTS:
        shares = {
            genre: np.mean([tag in piece for piece in _grammar(genre)]) for genre in tags.GENRES
        }
        played = {genre: share for genre, share in shares.items() if share}
        found[tag] = min(played, key=lambda genre: abs(played[genre] - 1 / 3))
    return found


@cache
def _grammar(genre: str) -> list[tuple[str, ...]]:
    """The tags of some pieces."""
    return [compose(genre, random.Random(f"steering/{n}")).tags for n in range(_PIECES)]


def share_with(clips: Codes, instrument: str) -> float:
    """In how many of the ``clips`` [N, S, 8] it sounds, 0..1."""
    return float(np.mean([instrument in instruments_in(codes) for codes in clips]))


def instruments(sampler: ClipSampler, clips: int) -> dict[str, tuple[float, float]]:
    """The share of clips an instrument sounds in, by instrument: asked for beside its
    home, and the home alone."""
    home = homes()
    jobs = [SamplerJob((genre, tag), tuple(range(clips)), SETTING) for tag, genre in home.items()]
    asked = sampler.play(jobs)
    alone = sampler.clips(tags.GENRES, clips, SETTING)
    return {
        tag: (share_with(codes, tag), share_with(alone[genre], tag))
        for (tag, genre), codes in zip(home.items(), asked, strict=True)
    }


def onsets(clips: Codes) -> float:
    """Beginnings of notes and hits in a bar, of clips [N, S, 8]."""
    sounding = clips[..., : tokens.TEXTURE]
    begun = (sounding != tokens.REST) & ~(
        (sounding == tokens.HOLD) & (np.arange(tokens.TEXTURE) >= tokens.BASS)
    )
    bars = len(clips) * clips.shape[1] // tokens.STEPS_PER_BAR
    return float(begun.sum() / bars)


def energies(sampler: ClipSampler, genres: Sequence[str], clips: int) -> dict[str, float]:
    """`onsets` by energy tag, beside each of ``genres``; the mean over them."""
    found = {}
    for energy in tags.ENERGIES:
        jobs = [SamplerJob((genre, energy), tuple(range(clips)), SETTING) for genre in genres]
        found[energy] = float(np.mean([onsets(codes) for codes in sampler.play(jobs)]))
    return found
