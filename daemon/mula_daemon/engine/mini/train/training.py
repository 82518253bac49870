"""Trains `mini`: ``python -m mula_daemon.engine.mini.train.training --seed 0 --out FILE``.

The backbone learns codebook 0 of every frame, the local decoder the other seven on a random
part of the frames, which costs a fraction and learns as well (as in the Sesame and HeartMuLa
recipes). Runs on the CPU in float32.
"""

from __future__ import annotations

import argparse
import math
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from mula_daemon.engine.lm import LanguageModel
from mula_daemon.engine.mini import vocabulary
from mula_daemon.engine.mini.train.bias import BIAS
from mula_daemon.engine.mini.train.examples import STEPS, Batch, Examples, MaterialLibrary, build
from mula_daemon.engine.mini.train.first_weights import lay_time
from mula_daemon.engine.mini.train.muon import Muon
from mula_daemon.engine.mini.train.recipe import TrainingRecipe, config
from mula_daemon.engine.mini.train.saving import TrainingProgress, save

BAR_LINE = 4.0


def losses(
    model: LanguageModel,
    batch: Batch,
    share: float,
    generator: torch.Generator,
    slips: float = 0.0,
) -> tuple[Tensor, Tensor]:
    """Cross entropy of codebook 0 over all frames, and of codebooks 1..7 over some: 0-d each.

    The first frame of every bar, where pop and genre part, counts `BAR_LINE` times, and goes
    through the local decoder together with ``share`` of all frames, drawn with ``generator``.
    Weights by place leave what is learnt of each place unbiased.
    """
    codes = torch.from_numpy(batch.codes)  # [R, T, C]
    rows, frames = codes.shape[:2]
    prompt = torch.tensor([vocabulary.prompt_ids(tags) for tags in batch.prompts])  # [R, P]
    clock = torch.tensor(vocabulary.clock_ids(frames))  # [T]
    untagged = torch.from_numpy(batch.untagged)
    slot = prompt.new_zeros(rows, 1)  # after the tags: the empty reference-audio slot
    head = model.embed_prompt(
        torch.cat([prompt, slot], 1),
        reserved=torch.arange(prompt.shape[1] + 1) == prompt.shape[1],
        unconditional=untagged[:, None],
    )  # [R, P+1, D]
    first = model.embed_text(clock[:1]).expand(rows, 1, -1)
    heard = slip(codes[:, :-1], slips, generator)
    played = model.embed_frames(heard, clock[1:].expand(rows, -1))  # [R, T-1, D]
    hidden = model.backbone_hidden(torch.cat([head, first, played], 1))[:, head.shape[1] :]
    opening = F.cross_entropy(
        model.codebook0_head(hidden).flatten(0, 1), codes[..., 0].flatten(), reduction="none"
    )
    lines = torch.arange(rows * frames) % STEPS == 0
    weights = torch.where(lines, BAR_LINE, 1.0)
    chosen = lines | (torch.rand(rows * frames, generator=generator) < share)
    targets = codes.flatten(0, 1)[chosen]  # [N, C]
    logits = model.frame_logits(hidden.flatten(0, 1)[chosen], targets)[:, 1:]  # [N, C-1, V]
    inside = F.cross_entropy(logits.flatten(0, 1), targets[:, 1:].flatten())
    return (opening * weights).sum() / weights.sum(), inside


def slip(codes: Tensor, most: float, generator: torch.Generator) -> Tensor:
    """``codes`` [R, T, C] in which another row's code stands now and then, from the same place.

    Half of the rows stay as they are, the others slip at rates up to ``most``.
    """
    rows = len(codes)
    rate = (torch.rand(rows, 1, 1, generator=generator) * 2 - 1).clamp(min=0) * most
    wrong = torch.rand(codes.shape, generator=generator) < rate
    return torch.where(wrong, codes[torch.randperm(rows, generator=generator)], codes)


def whole(opening: Tensor, inside: Tensor) -> Tensor:
    """The mean loss per code of both parts of `losses`."""
    return (opening + 7 * inside) / 8


class Trainer:
    """One training run. Everything random in it comes from the recipe's seed."""

    def __init__(self, recipe: TrainingRecipe, library: MaterialLibrary) -> None:
        torch.manual_seed(recipe.seed)
        self.recipe = recipe
        self.model = LanguageModel(config())
        self.examples = Examples(library, recipe.seed)
        self._lengths = np.random.default_rng(recipe.seed)
        self._generator = torch.Generator().manual_seed(recipe.seed)
        lay_time(self.model)
        named = list(self.model.named_parameters())
        inner = {name for name, p in named if p.dim() == 2 and _between_codes(name)}
        self._matrices = Muon([p for name, p in named if name in inner], recipe.decay)
        plain = {name for name, p in named if p.dim() == 1}
        groups: list[dict[str, Any]] = [
            {"params": [p for name, p in named if name not in inner | plain]},
            {"params": [p for name, p in named if name in plain], "weight_decay": 0.0},
        ]
        self._tables = torch.optim.AdamW(
            groups,
            lr=recipe.rate,
            betas=(0.9, 0.98),
            weight_decay=recipe.decay,
        )

    def step(self, done: float, step: int) -> float:
        """One update at ``done`` 0..1 of the run; the loss before it."""
        recipe = self.recipe
        part = min(1.0, (step + 1) / recipe.warm_up) * (
            recipe.last + (1 - recipe.last) * 0.5 * (1 + math.cos(math.pi * done))
        )
        for group in self._tables.param_groups:
            group["lr"] = recipe.rate * part
        self.examples.bias = BIAS.scaled(min(1.0, done / recipe.ramp))
        bars = int(self._lengths.choice(list(recipe.bars), p=list(recipe.bars.values())))
        batch = self.examples.batch(max(1, recipe.frames // (bars * STEPS)), bars)
        loss = whole(*losses(self.model, batch, recipe.local_share, self._generator, recipe.slips))
        self.model.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), recipe.clip)
        self._tables.step()
        self._matrices.step(recipe.matrix_rate * part)
        return loss.item()

    @torch.inference_mode()
    def held_out(self, batches: list[Batch]) -> float:
        """The loss on material the model never sees."""
        generator = torch.Generator().manual_seed(0)
        return float(
            np.mean([whole(*losses(self.model, batch, 0.5, generator)).item() for batch in batches])
        )


def _between_codes(name: str) -> bool:
    """Is this parameter part of the layers, rather than of a table, a head or a norm?"""
    return ".layers." in name or name == "projection.weight"


def train(
    recipe: TrainingRecipe, report: Callable[[TrainingProgress, LanguageModel], None]
) -> LanguageModel:
    """Trains from nothing, with a report every 200 steps, the last included.

    The result depends on the recipe alone (on one machine, with one number of threads).
    """
    library = build(recipe.seed, recipe.pieces, workers=recipe.workers)
    fresh = Examples(build(recipe.seed + 1_000_003, 600), recipe.seed)
    batches = [fresh.batch(16, 8) for _ in range(8)]
    trainer = Trainer(recipe, library)
    began = time.monotonic()
    mean = 0.0
    for step in range(recipe.steps):
        loss = trainer.step(step / recipe.steps, step)
        mean = loss if step == 0 else 0.98 * mean + 0.02 * loss
        if (step + 1) % 200 == 0 or step + 1 == recipe.steps:
            minutes = (time.monotonic() - began) / 60
            report(
                TrainingProgress(step + 1, minutes, mean, trainer.held_out(batches)), trainer.model
            )
    return trainer.model


def main(argv: list[str] | None = None) -> int:
    """The command line; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="mula_daemon.engine.mini.train.training", description=__doc__
    )
    parser.add_argument("--seed", type=int, default=TrainingRecipe().seed)
    parser.add_argument("--steps", type=int, default=TrainingRecipe().steps)
    parser.add_argument("--out", type=Path, required=True, help="where the safetensors go")
    options = parser.parse_args(argv)
    recipe = replace(TrainingRecipe(), seed=options.seed, steps=options.steps)
    curve: list[TrainingProgress] = []

    def report(line: TrainingProgress, model: LanguageModel) -> None:
        curve.append(line)
        sys.stdout.write(
            f"step {line.step:6d}  {line.minutes:5.1f} min  loss {line.loss:.4f}  "
            f"held out {line.held_out:.4f}\n"
        )
        sys.stdout.flush()
        save(model, options.out, recipe, curve)  # to be listened to on the way

    train(recipe, report)
    return 0


if __name__ == "__main__":
    sys.exit(main())
