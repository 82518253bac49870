"""How long a frame of HeartMuLa's language model takes, on random weights of the true size.

Every precision asked for is timed, and a plain eager implementation (`eager_step`), in one run: on
a CPU in turns of a few frames each, so that whatever else the machine does falls on all of them.
On a GPU one after another, so that each has its own peak memory. RTF is compute seconds per audio
second of the language model alone, warm; a frame lasts 80 ms.

The limit is memory bandwidth: a frame cannot be quicker than reading its weights, and the keys and
values of all positions, once per use. The floor is measured here and now.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from time import perf_counter
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor

from mula_daemon.bench.card_clock import seconds
from mula_daemon.bench.eager_step import EagerStep
from mula_daemon.bench.figures import percentile, spread
from mula_daemon.engine.lm import (
    FLAVOURS,
    Codes,
    Flavour,
    FrameLoop,
    KnobTensors,
    LanguageModel,
    LMConfig,
    Player,
    Precision,
    PromptTokens,
    StaticModel,
    precision_of,
    recorder,
)

SIZES: Final = {
    "toy": LMConfig(Flavour(2, 4, 2, 64, 160, 2048), Flavour(2, 2, 1, 64, 96, 2048), 512, 67),
    "170m": LMConfig(
        Flavour(8, 12, 4, 768, 2048, 8192), Flavour(3, 8, 4, 768, 2048, 2048), 1024, 8197
    ),
    "3b": LMConfig(FLAVOURS["llama-3B"], FLAVOURS["llama-300M"], 128_256, 8197),
}
"""By the names that ``--size`` knows. No frame reads the text table, so 170m has a small one."""

READ: Final = 4 * 10**9
"""Bytes that a card is to read: it has caches of 100 MB."""

FRAME_MS: Final = 80.0
TURN: Final = 4
"""Frames that one of them makes before it is the next one's turn."""

WARM_UP: Final = 4
"""Frames made before the clock counts."""

COMPARED: Final = 12
"""Frames on which the logits of the precisions are compared."""

CFG, TEMPERATURE, TOP_K = 1.5, 1.0, 50
PROMPT: Final = PromptTokens([1] * 60, [1] * 60)
GOALS: Final = {"3b": "language model under 8 ms a frame on an H100, in bfloat16"}


@dataclass
class Contender:
    """Something that makes frames. ``frame`` makes one, to its end."""

    name: str
    frame: Callable[[], object]
    nbytes: int = 0  # read for each frame
    times: list[float] = field(default_factory=list)  # ms
    facts: dict[str, Any] = field(default_factory=dict)

    def run(self, frames: int, counted: bool = True) -> None:
        for _ in range(frames):
            start = perf_counter()
            self.frame()
            if counted:
                self.times.append((perf_counter() - start) * 1e3)


def run(parsed: argparse.Namespace) -> dict[str, Any]:
    """The figures of the JSON line, by the options of ``mula bench engine``.

    The eager implementation makes one take only.
    """
    if parsed.threads:
        torch.set_num_threads(parsed.threads)
    device = torch.device(parsed.device or ("cuda" if torch.cuda.is_available() else "cpu"))
    usual = "bfloat16,int8,int4" if device.type == "cuda" else "float32,bfloat16,int8"
    names = (parsed.precision or usual).split(",")
    precisions = [precision_of(name.strip(), device) for name in names]
    frames, takes = parsed.frames, parsed.takes
    config = SIZES[parsed.size]
    against: list[tuple[Tensor, Tensor]] = []  # codes and logits of the first precision's frames
    finest = precisions[0].storage(device)
    makers: list[Callable[[], Contender]] = [
        partial(_ours, config, precision, finest, frames, takes, device, against, parsed.history)
        for precision in precisions
    ]
    if takes == 1 and not parsed.no_eager:
        makers.append(partial(_eager, config, device))
    groups = [makers] if device.type == "cpu" else [[maker] for maker in makers]
    done: list[Contender] = []
    for group in groups:
        done += _race([make() for make in group], frames, device)
    return _figures(parsed.size, done, takes, device) | {"history": parsed.history}


def _ours(
    config: LMConfig,
    precision: Precision,
    storage: torch.dtype,
    frames: int,
    takes: int,
    device: torch.device,
    against: list[tuple[Tensor, Tensor]],
    history: int,
) -> Contender:
    _say(f"packing {precision} weights")
    model = StaticModel(random_model(config, device, storage), device, precision, release=True)
    knobs = KnobTensors.create(CFG, TEMPERATURE, TOP_K, device=device)
    player = Player(model, recorder(device))
    facts = _compare(player, knobs, against)
    loop = FrameLoop(player, [PROMPT], range(takes), history + frames + WARM_UP)
    loop.prefill(random_codes(config, takes, history))
    layers = (*model.backbone.layers, *model.decoder.layers)
    kinds = {product.kind for layer in layers for product in layer}
    return Contender(
        precision.value,
        lambda: loop.step(knobs),
        model.frame_nbytes + cache_nbytes(model, takes, history + frames // 2),
        facts={"weights": sorted(kinds), **facts},
    )


def random_model(
    config: LMConfig, device: torch.device, dtype: torch.dtype, seed: int = 0
) -> LanguageModel:
    """Random weights, for speed, which does not hear the difference.

    Drawn in ``dtype`` where they will be used: no other copy exists at any time. They are as
    `LanguageModel` begins its training, so that hidden states stay in range.
    """
    with torch.device("meta"):
        model = LanguageModel(config)
    model.to(dtype).to_empty(device=device)
    generator = torch.Generator(device).manual_seed(seed)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name.endswith("scale"):
                parameter.fill_(1.0)
            else:
                parameter.normal_(std=0.02, generator=generator)
    return model.requires_grad_(False)


def cache_nbytes(model: StaticModel, takes: int, frames: int) -> int:
    """What a frame reads of keys and values after the prompt and so many frames."""
    flavour = model.config.backbone
    positions = len(PROMPT.tags_ids) + 1 + len(PROMPT.lyrics_ids) + frames
    width = torch.finfo(model.dtype).bits // 8
    return 4 * takes * flavour.layers * flavour.kv_heads * flavour.head_dim * positions * width


def random_codes(config: LMConfig, takes: int, frames: int) -> Codes:
    """[N, T, C] to have been played."""
    shape = (takes, frames, config.codebooks)
    return np.random.default_rng(0).integers(0, config.audio_vocab - 5, shape)


def _compare(
    player: Player, knobs: KnobTensors, against: list[tuple[Tensor, Tensor]]
) -> dict[str, Any]:
    """Logits on the same codes as the first precision's: relative L2, and equal best codes.

    ``guided_error`` is that of what codes are chosen from: the two rows, guided by `CFG`.
    """
    first = not against
    loop = FrameLoop(player, [PROMPT], [0], COMPARED, keep_logits=True)
    loop.prefill()
    distances, guided, agreed = [], [], []
    for frame in range(COMPARED):
        if first:
            codes = torch.from_numpy(loop.step(knobs))
            assert loop.logits is not None
            against.append((codes, loop.logits.float().cpu()))
            continue
        codes, wanted = against[frame]
        loop.force(codes.numpy())
        assert loop.logits is not None
        ours = loop.logits.float().cpu()  # [C, R, V]
        distances.append(float((ours - wanted).norm() / wanted.norm()))
        heard, meant = (torch.lerp(both[:, 1], both[:, 0], CFG) for both in (ours, wanted))
        guided.append(float((heard - meant).norm() / meant.norm()))
        agreed.append((ours.argmax(-1) == wanted.argmax(-1)).float().mean())
    if first:
        return {}
    return {
        "logit_error": round(sum(distances) / len(distances), 5),
        "guided_error": round(sum(guided) / len(guided), 5),
        "top1_agreement": round(float(torch.stack(agreed).mean()), 4),
    }


def _eager(config: LMConfig, device: torch.device) -> Contender:
    _say("setting the eager implementation up")
    step = EagerStep(random_model(config, device, torch.float32))
    length = len(PROMPT.tags_ids) + 1 + len(PROMPT.lyrics_ids)
    ids = torch.ones(2, length, dtype=torch.int64, device=device)
    hidden = step.prefill(step.model.embed_prompt(ids))
    top_k = min(TOP_K, config.audio_vocab)
    position = length - 1

    def frame() -> None:
        nonlocal hidden, position
        codes = step.frame(hidden, CFG, TEMPERATURE, top_k)
        position += 1
        hidden = step.advance(codes, position)
        codes.cpu()

    return Contender("eager", frame)


def _race(contenders: list[Contender], frames: int, device: torch.device) -> list[Contender]:
    """Let them make ``frames`` frames each, in turns."""
    for contender in contenders:
        contender.run(WARM_UP, counted=False)
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    _say(f"timing {', '.join(contender.name for contender in contenders)}")
    for start in range(0, frames, TURN):
        for contender in contenders:
            contender.run(min(TURN, frames - start))
    for contender in contenders:
        if device.type == "cuda":
            peak = torch.cuda.max_memory_allocated(device)
            contender.facts["peak_memory_mb"] = round(peak / 1e6)
        contender.frame = lambda: None  # lets its memory go
    return contenders


def _figures(size: str, done: list[Contender], takes: int, device: torch.device) -> dict[str, Any]:
    bandwidth = read_bandwidth(device)
    modes: dict[str, Any] = {}
    middles = {one.name: percentile(one.times, 50) for one in done}
    eager = middles.pop("eager", None)
    for one in done:
        if one.name == "eager":
            continue
        middle = middles[one.name]
        floor = one.nbytes / bandwidth * 1e3
        modes[one.name] = {
            "frame_ms": spread(one.times, 0, 50, 95),
            "rtf": round(middle / FRAME_MS, 4),
            "bytes_per_frame": one.nbytes,
            "floor_ms": round(floor, 3),
            "share_of_floor": round(floor / middle, 3),
            **({"speedup_vs_eager": round(eager / middle, 2)} if eager else {}),
            **one.facts,
        }
    best = min(middles, key=lambda name: middles[name])
    figures: dict[str, Any] = {
        "bench": "engine",
        "engine": "heartmula",
        "weights": "random",
        "size": size,
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else device.type,
        "threads": torch.get_num_threads(),
        "takes": takes,
        "frames": len(done[0].times),
        "limit": "reading the weights and the cache from memory",
        "read_gb_per_s": round(bandwidth / 1e9, 2),
        "modes": modes,
        "best": best,
    }
    if eager is not None:
        slow = next(one for one in done if one.name == "eager")
        figures["eager_ms"] = spread(slow.times, 0, 50, 95)
        if Precision.FLOAT32 in middles:
            figures["speedup_vs_eager_fp32"] = round(eager / middles[Precision.FLOAT32], 2)
        figures["speedup_vs_eager"] = round(eager / middles[best], 2)
    if size in GOALS:
        figures["goal"] = GOALS[size]
    return figures


def read_bandwidth(device: torch.device) -> float:
    """Bytes a second that this device reads from memory, at best of a few tries.

    On a card 4 GB at a time, or half of what is free, by the card's own clock: a launch from the
    host takes a good part of what reading a few megabytes does.
    """
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        block = torch.ones(min(READ, free // 2) // 4, device=device)
    else:
        block = torch.ones(2**26, device=device)  # 256 MiB: no cache holds it
    return block.nbytes / min(seconds(device, block.sum, 12))


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
