"""Frames replayed from graphs are those that the same steps make one kernel after another.

At toy size, on the card's own kernels, with the knobs turned at every frame and a clip long enough
to go from one recording to the next.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np
import torch

from mula_daemon.bench.frame_speed import PROMPT, random_codes, random_model
from mula_daemon.bench.gpu.plan import CardQuestions
from mula_daemon.engine.lm import (
    CodePolicy,
    Codes,
    Flavour,
    FrameLoop,
    KnobTensors,
    LMConfig,
    Player,
    Precision,
    StaticModel,
    recorder,
)

TOY: Final = LMConfig(Flavour(2, 4, 2, 256, 512, 2048), Flavour(2, 2, 1, 256, 256, 2048), 512, 211)
"""Widths that every kind of product takes."""
HISTORY: Final = 375
FRAMES: Final = 40
"""With prompt and history these pass position 512, where another recording takes over."""
SWEEP: Final = ((3.0, 1.0, 50), (1.0, 0.7, 5), (0.5, 1.3, 1), (3.0, 0.0, 50), (-1.0, 1.0, 200))
TAKES: Final = (1, 4)


def measure(asked: CardQuestions) -> dict[str, Any]:
    """By precision and takes: frames that are the same, and what was recorded for them."""
    device = torch.device(asked.device)
    record = recorder(device)
    figures: dict[str, Any] = {}
    for precision in (Precision.BFLOAT16, Precision.INT8, Precision.INT4):
        weights = random_model(TOY, device, precision.storage(device))
        model = StaticModel(weights, device, precision, release=True)
        for takes in TAKES if record else TAKES[:1]:
            figures[f"{precision} {takes}"] = _compared(model, takes, record or again)
    wrong = [name for name, row in figures.items() if not row["same"]]
    wrong += [name for name, row in figures.items() if row["recorded_while_playing"]]
    if record is None:
        figures["note"] = "nothing is recorded on a CPU: steps are run again instead"
    if wrong:
        figures["error"] = f"replayed frames differ, or were recorded anew: {', '.join(wrong)}"
    return figures


def again(work: Callable[[], None]) -> Callable[[], None]:
    """A recorder that records nothing: the same extents, the same steps, without a graph."""
    return work


def _compared(
    model: StaticModel, takes: int, record: Callable[[Callable[[], None]], Callable[[], None]]
) -> dict[str, Any]:
    recorded, plain = Player(model, record), Player(model, again)
    recorded.prepare(HISTORY + FRAMES + 200, takes)
    ahead = recorded.recordings
    first, wanted = _perform(recorded, takes), _perform(plain, takes)
    second = _perform(recorded, takes)  # on what the first job has left behind
    same = np.equal(first, wanted).all(axis=(0, 2))
    return {
        "same": bool(same.all() and np.array_equal(first, second)),
        "frames": FRAMES,
        "frames_before_the_first_difference": int(same.argmin()) if not same.all() else FRAMES,
        "recorded_ahead": ahead,
        "recorded_while_playing": recorded.recordings - ahead,
    }


def _perform(player: Player, takes: int) -> Codes:
    """[N, frames, C] with the knobs turned at every frame."""
    config, device = player.model.config, player.model.device
    policy = CodePolicy(valid=config.audio_vocab - 5, eos=config.audio_vocab - 4, may_end=False)
    loop = FrameLoop(player, [PROMPT], range(takes), HISTORY + FRAMES, policy=policy)
    loop.prefill(random_codes(config, takes, HISTORY))
    knobs = KnobTensors.create(device=device)
    played = []
    for frame in range(FRAMES):
        cfg, temperature, top_k = SWEEP[frame % len(SWEEP)]
        knobs.load(cfg=cfg, temperature=temperature, top_k=top_k)
        played.append(loop.step(knobs))
    return np.stack(played, axis=1)
