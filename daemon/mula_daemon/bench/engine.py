"""``mula bench engine``: how long a frame takes, with and without its sound.

Runs the engine in this process, without daemon, OSC or disk. A frame's time is split
where the engine yields: up to its Frame it samples codes, after that it renders audio.
RTF is compute seconds per audio second, warm.

With ``--engine heartmula --random-weights`` no checkpoint is needed: the language model alone, at
a true size, in each precision, against a plain eager implementation (see `frame_speed`).
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from time import perf_counter
from typing import Any

from mula_daemon.bench.figures import print_json, spread
from mula_daemon.engine import ClipRequest, Engine, EngineSpec, Frame, FrameKnobs, build


def main(argv: Sequence[str]) -> int:
    """Measure and print one JSON line."""
    made = argparse.ArgumentParser(prog="mula bench engine", description=__doc__)
    made.add_argument("--engine", default="mini")
    made.add_argument("--checkpoint", default="", metavar="DIR")
    made.add_argument("--tags", default="techno, energetic")
    made.add_argument("--bars", type=int, default=16)
    made.add_argument("--bpm", type=float, default=120.0)
    made.add_argument("--takes", type=int, default=1)
    made.add_argument(
        "--precision",
        default="",
        metavar="NAME,...",
        help="HeartMuLa's weights: float32, bfloat16, int8, int4; several with --random-weights "
        "(default there: float32,bfloat16,int8 on a CPU, bfloat16,int8,int4 on a GPU)",
    )
    random = made.add_argument_group("speed of HeartMuLa without its weights")
    random.add_argument("--random-weights", action="store_true")
    random.add_argument("--size", default="170m", choices=("toy", "170m", "3b"))
    random.add_argument("--frames", type=int, default=40, help="frames to time (default 40)")
    random.add_argument("--history", type=int, default=0, help="frames played before (default 0)")
    random.add_argument("--device", default="", metavar="cpu|cuda|mps")
    random.add_argument("--threads", type=int, default=0, help="on a CPU (default: torch's own)")
    random.add_argument("--no-eager", action="store_true", help="time our own code only")
    parsed = made.parse_args(argv)
    if parsed.random_weights:
        if parsed.engine != "heartmula":
            made.error("--random-weights is for --engine heartmula")
        from mula_daemon.bench import frame_speed

        print_json(**frame_speed.run(parsed))
        return 0
    engine = build(EngineSpec(parsed.engine, parsed.checkpoint, parsed.precision or "auto"))
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
        bench="engine",
        engine=engine.info.name,
        device=engine.info.device,
        takes=parsed.takes,
        bpm=parsed.bpm,
        warm_up_s=round(warm_up_s, 3),
        **figures,
        **limit(engine, figures["sampling_ms"]["p50"]),
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
