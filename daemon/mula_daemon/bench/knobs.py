"""Does each knob of `mini` do what it says? Ends in one line of JSON.

``python -m mula_daemon.bench.knobs``: adherence to the asked genre against guidance, steering
in the middle of a clip, entropy against temperature, variety against top-k.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Sequence
from typing import Final

import numpy as np
import torch

from mula_daemon.bench.genre_classifier import GenreClassifier, train_classifier
from mula_daemon.engine.code_policy import CodePolicy
from mula_daemon.engine.frame_loop import FrameLoop, PromptTokens
from mula_daemon.engine.mini import tags, tokens
from mula_daemon.engine.mini.tokenizer import clock_id, prompt_ids
from mula_daemon.engine.mini.weights import load_mini
from mula_daemon.engine.sampling import KnobTensors
from mula_daemon.engine.static_model import StaticModel

CFGS: Final = (0.0, 1.0, 1.5, 2.0, 2.5, 3.0, 4.0)
TEMPERATURES: Final = (0.5, 0.7, 0.9, 1.1, 1.3)
TOP_KS: Final = (2, 5, 10, 20, 50)
PHRASE: Final = tokens.PHRASE_BARS * tokens.STEPS_PER_BAR
POP: Final = tags.GENRES.index("pop")


class Player:
    """Clips of one model in batches: all takes of a prompt at once."""

    def __init__(self, model: StaticModel) -> None:
        self._model = model
        self._policy = CodePolicy(
            valid=[tokens.codes_in(codebook) for codebook in range(tokens.TEXTURE + 1)]
        )

    def clips(
        self,
        asked: Sequence[str],
        seeds: Sequence[int],
        cfg: float | Callable[[int], float],
        *,
        temperature: float = 1.0,
        top_k: int = 50,
        frames: int = PHRASE,
    ) -> np.ndarray:
        """Codes int64 [seeds, frames, 8]; ``cfg`` may be a function of the frame."""
        prompt = PromptTokens(prompt_ids(asked), [], clock_id(0))
        loop = FrameLoop(self._model, [prompt], seeds, frames, policy=self._policy)
        knobs = KnobTensors.create(temperature=temperature, top_k=top_k)
        loop.prefill()
        out = []
        for frame in range(frames):
            knobs.load(cfg=cfg(frame) if callable(cfg) else cfg)
            out.append(loop.step(knobs, clock_id(frame)))
        return np.stack(out, axis=1)


def adherence(player: Player, ear: GenreClassifier, clips: int, cfg: float) -> dict[str, float]:
    """Share of two-bar windows that are heard as the asked genre, by genre."""
    return {
        genre: float((ear.genres(player.clips([genre], range(clips), cfg)) == index).mean())
        for index, genre in enumerate(tags.GENRES)
    }


def mid_clip(player: Player, ear: GenreClassifier, clips: int) -> tuple[float, float]:
    """What a turn of guidance at bar 4 of 8 does, over all genres but pop.

    Of the clips that had drifted to pop at cfg 1: the share whose last two bars are in the
    asked genre after a turn to 3. Of the clips that were in it at cfg 3: the share whose last
    two bars have left it after a turn to 0.
    """
    half = PHRASE // 2
    came, drifted, left, inside = 0, 0, 0, 0
    for index, genre in enumerate(tags.GENRES):
        if index == POP:
            continue
        up = ear.genres(player.clips([genre], range(clips), lambda t: 1.0 if t < half else 3.0))
        away = up[:, 1] == POP
        drifted += int(away.sum())
        came += int((up[away, -1] == index).sum())
        down = ear.genres(player.clips([genre], range(clips), lambda t: 3.0 if t < half else 0.0))
        there = down[:, 1] == index
        inside += int(there.sum())
        left += int((down[there, -1] != index).sum())
    return came / max(drifted, 1), left / max(inside, 1)


def entropy(codes: np.ndarray) -> float:
    """Bits per code: of each codebook at each place in the bar, over clips and bars; the mean."""
    bars = codes.reshape(-1, tokens.STEPS_PER_BAR, codes.shape[-1])
    total = 0.0
    for place in range(bars.shape[1]):
        for codebook in range(bars.shape[2]):
            shares = np.bincount(bars[:, place, codebook]) / len(bars)
            shares = shares[shares > 0]
            total -= float((shares * np.log2(shares)).sum())
    return total / (bars.shape[1] * bars.shape[2])


def distinct(codes: np.ndarray) -> int:
    """How many different codes are used, over all codebooks."""
    return sum(len(np.unique(codes[..., codebook])) for codebook in range(codes.shape[-1]))


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the benchmark; prints progress and last one line of JSON. Returns the exit status."""
    parser = argparse.ArgumentParser(prog="mula_daemon.bench.knobs", description=__doc__)
    parser.add_argument("--clips", type=int, default=40, help="clips per genre and setting")
    parser.add_argument("--quick", action="store_true", help="8 clips, fewer settings")
    options = parser.parse_args(argv)
    clips = min(options.clips, 8) if options.quick else options.clips
    cfgs = (0.0, 1.0, 1.5, 3.0, 4.0) if options.quick else CFGS
    began = time.monotonic()

    def say(text: str) -> None:
        print(f"[{time.monotonic() - began:6.1f} s] {text}", flush=True)

    torch.set_num_threads(1)  # as the engine has it: a second thread costs more than it brings
    ear = train_classifier()
    say(f"classifier: {ear.accuracy:.3f} of unseen two-bar windows right")
    player = Player(StaticModel(load_mini()[0]))
    by_cfg: dict[str, float] = {}
    at_3: dict[str, float] = {}
    for cfg in cfgs:
        by_genre = adherence(player, ear, clips, cfg)
        by_cfg[str(cfg)] = float(np.mean(list(by_genre.values())))
        if cfg == 3.0:
            at_3 = by_genre
        say(f"cfg {cfg}: adherence {by_cfg[str(cfg)]:.3f}, lowest {min(by_genre.values()):.3f}")
    came, left = mid_clip(player, ear, clips)
    say(f"cfg 1 to 3 at bar 4 brings the genre back in {came:.3f}; 3 to 0 lets go of {left:.3f}")

    some = tags.GENRES[:: 4 if options.quick else 1]

    def many(temperature: float, top_k: int) -> list[np.ndarray]:
        return [
            player.clips([genre], range(clips), 1.5, temperature=temperature, top_k=top_k)
            for genre in some
        ]

    entropies = {str(t): float(np.mean([entropy(c) for c in many(t, 250)])) for t in TEMPERATURES}
    say(f"entropy in bits by temperature: {entropies}")
    variety = {str(k): float(np.mean([distinct(c) for c in many(1.0, k)])) for k in TOP_KS}
    say(f"distinct codes by top-k: {variety}")
    twenty = player.clips(["techno"], range(20), 3.0)
    different = len({clip.tobytes() for clip in twenty})
    result = {
        "adherence": by_cfg,
        "per_genre_at_3": at_3,
        "mid_clip": came,
        "mid_clip_release": left,
        "classifier_accuracy": ear.accuracy,
        "entropy_by_temperature": entropies,
        "codes_by_top_k": variety,
        "different_clips_of_20_seeds": different,
    }
    print(json.dumps(result))
    return 0


if __name__ == "__main__":
    sys.exit(main())
