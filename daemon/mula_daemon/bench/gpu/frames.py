"""What a frame of the language model takes: by precision, takes, and how much was played before."""

from __future__ import annotations

import gc
from time import perf_counter
from typing import Any, Final

import torch

from mula_daemon.bench.figures import spread
from mula_daemon.bench.frame_speed import (
    CFG,
    FRAME_MS,
    PROMPT,
    SIZES,
    TEMPERATURE,
    TOP_K,
    cache_nbytes,
    random_codes,
    random_model,
    read_bandwidth,
)
from mula_daemon.bench.gpu.plan import CardQuestions
from mula_daemon.bench.gpu.run import say
from mula_daemon.engine.lm import FrameLoop, KnobTensors, Player, Precision, StaticModel, recorder

WARM_UP: Final = 4
GOAL_MS: Final = 8.0


def measure(asked: CardQuestions) -> dict[str, Any]:
    """A row for each of them; ``share_of_floor`` is that of reading weights and cache alone."""
    device = torch.device(asked.device)
    bandwidth = read_bandwidth(device)
    figures: dict[str, Any] = {
        "read_gb_per_s": round(bandwidth / 1e9, 1),
        "goal": f"under {GOAL_MS:g} ms on an H100, bfloat16",
        "rows": [],
    }
    for precision in (Precision.BFLOAT16, Precision.INT8, Precision.INT4):
        began = perf_counter()
        weights = random_model(SIZES[asked.size], device, precision.storage(device))
        model = StaticModel(weights, device, precision, release=True)
        del weights
        say(f"  {precision} weights packed in {perf_counter() - began:.1f} s")
        for takes in (1, 4) if asked.toy else (1, 2, 4):
            for history in (0, 100 if asked.toy else 1500):
                row = _row(model, takes, history, 8 if asked.toy else 60, bandwidth)
                figures["rows"].append(row)
                say(f"  {precision} {takes} {history}: {row['frame_ms']}")
        del model
        _tidy(device)
    return figures


def _row(
    model: StaticModel, takes: int, history: int, frames: int, bandwidth: float
) -> dict[str, Any]:
    device, config = model.device, model.config
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    player = Player(model, recorder(device))
    loop = FrameLoop(player, [PROMPT], range(takes), history + frames + WARM_UP)
    began = perf_counter()
    loop.prefill(random_codes(config, takes, history))
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    prefill_ms = (perf_counter() - began) * 1e3
    before, times = player.recordings, list[float]()
    knobs = KnobTensors.create(CFG, TEMPERATURE, TOP_K, device=device)
    for frame in range(WARM_UP + frames):
        knobs.load(cfg=CFG + frame % 3)  # which costs nothing, and records nothing
        start = perf_counter()
        loop.step(knobs)  # to its end: it reads the codes
        times.append((perf_counter() - start) * 1e3)
    times = times[WARM_UP:]
    nbytes = model.frame_nbytes + cache_nbytes(model, takes, history + frames // 2)
    took, floor = spread(times, 0, 50, 95), nbytes / bandwidth * 1e3
    row: dict[str, Any] = {
        "precision": str(model.precision),
        "takes": takes,
        "history": history,
        "frame_ms": took,
        "rtf": round(took["p50"] / FRAME_MS, 4),
        "floor_ms": round(floor, 3),
        "share_of_floor": round(floor / took["p50"], 3),
        "prefill_ms": round(prefill_ms, 1),
        "recordings": before,
        "recordings_while_knobs_were_turned": player.recordings - before,
    }
    if device.type == "cuda":
        row["peak_memory_mb"] = round(torch.cuda.max_memory_allocated(device) / 1e6)
    return row


def _tidy(device: torch.device) -> None:
    gc.collect()
    if device.type == "cuda":
        torch.cuda.empty_cache()
