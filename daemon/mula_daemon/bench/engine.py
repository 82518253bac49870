"""``mula bench engine``: how long a frame takes, with and without its sound.

Runs the engine in this process, without daemon, OSC or disk. A frame's time is split
where the engine yields: up to its Frame it samples codes, after that it renders audio.
RTF is compute seconds per audio second, warm.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from time import perf_counter
from typing import Any

from mula_daemon.bench.figures import print_json, spread
from mula_daemon.engine.base import ClipRequest, Engine, Frame, FrameKnobs
from mula_daemon.engine.engines import build
from mula_daemon.engine.messages import EngineSpec


def main(argv: Sequence[str]) -> int:
    """Measure and print one JSON line."""
    made = argparse.ArgumentParser(prog="mula bench engine", description=__doc__)
    made.add_argument("--engine", default="mini")
    made.add_argument("--checkpoint", default="", metavar="DIR")
    made.add_argument("--tags", default="techno, energetic")
    made.add_argument("--bars", type=int, default=16)
    made.add_argument("--bpm", type=float, default=120.0)
    made.add_argument("--takes", type=int, default=1)
    parsed = made.parse_args(argv)
    engine = build(EngineSpec(parsed.engine, parsed.checkpoint))
    start = perf_counter()
    engine.warm_up()
    warm_up_s = perf_counter() - start
    clip = ClipRequest(
        "bench",
        tuple(word.strip() for word in parsed.tags.split(",") if word.strip()),
        tuple(range(parsed.takes)),
        bpm=parsed.bpm,
        bars=parsed.bars,
    )
    figures = measure(engine, clip)
    print_json(
        {
            "bench": "engine",
            "engine": engine.info.name,
            "device": engine.info.device,
            "takes": parsed.takes,
            "bpm": parsed.bpm,
            "warm_up_s": round(warm_up_s, 3),
            **figures,
            **limit(engine, figures["sampling_ms"]["p50"]),
        }
    )
    return 0


def measure(engine: Engine, clip: ClipRequest) -> dict[str, Any]:
    """Times of one clip, in ms per frame, and its RTFs."""
    sampling: list[float] = []
    rendering: list[float] = []
    mark = perf_counter()
    for item in engine.generate(clip, FrameKnobs):
        now = perf_counter()
        if isinstance(item, Frame):
            sampling.append((now - mark) * 1e3)
            rendering.append(0.0)
        else:
            rendering[-1] += (now - mark) * 1e3
        mark = perf_counter()
    whole = [one + other for one, other in zip(sampling, rendering, strict=True)]
    audio_ms = clip.samples(engine.info.sample_rate) / engine.info.sample_rate * 1e3
    return {
        "frames": len(whole),
        "audio_s": round(audio_ms / 1e3, 3),
        "frame_ms": spread(whole, 50, 95),
        "sampling_ms": spread(sampling, 50, 95),
        "rtf_without_synthesis": round(sum(sampling) / audio_ms, 4),
        "rtf": round(sum(whole) / audio_ms, 4),
    }


def limit(engine: Engine, sampling_ms: float) -> dict[str, Any]:
    """The floor under sampling: the time to read the weights once per use from memory.

    The backbone and its head are read once a frame, the local decoder once per further
    codebook. Measured here and now, by reading as many bytes with the same thread count.
    """
    bytes_per_frame = getattr(engine, "bytes_per_frame", 0)
    if not bytes_per_frame:
        return {}
    import torch

    block = torch.ones(bytes_per_frame // 4)
    times = []
    for _ in range(20):
        start = perf_counter()
        block.sum()
        times.append((perf_counter() - start) * 1e3)
    floor = sorted(times)[len(times) // 2]
    return {
        "limit": "reading the weights",
        "bytes_per_frame": bytes_per_frame,
        "floor_ms": round(floor, 4),
        "share_of_floor": round(floor / sampling_ms, 4),
    }
