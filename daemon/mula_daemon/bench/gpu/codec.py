"""What the codec takes at its true size: a whole clip, and windows of live play."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter
from typing import Any, Final

import numpy as np
import torch

from mula_daemon.bench.gpu.plan import CardQuestions
from mula_daemon.bench.gpu.run import say
from mula_daemon.bench.random_codec import CODECS, random_codec
from mula_daemon.engine.heartmula.codec import HeartCodec
from mula_daemon.engine.heartmula.model import CodecLane, StreamSettings, measure_window
from mula_daemon.engine.lm import recorder

FRAME_S: Final = 0.08
WHOLE: Final = 372
"""Frames of a full window: 29.76 s."""
HOPS: Final = (2, 4, 8)
CONTEXTS: Final = (52, 25)
KINDS: Final = (("float32", torch.float32), ("tf32", torch.float32), ("bfloat16", torch.bfloat16))
"""Of the flow transformer; convolutions are float32 always."""


def measure(asked: CardQuestions) -> dict[str, Any]:
    """By type: a full decode, and each window one kernel after another and as a graph."""
    device = torch.device(asked.device)
    figures: dict[str, Any] = {"whole": {}, "windows": []}
    for name, dtype in KINDS if device.type == "cuda" else KINDS[:1]:
        codec = random_codec(CODECS[asked.size], device, dtype)
        with _narrow(name == "tf32"):
            figures["whole"][name] = _whole(codec, 6 if asked.toy else WHOLE)
            say(f"  {name}, a whole clip: {figures['whole'][name]}")
            for row in _windows(codec, name, asked.toy):
                figures["windows"].append(row)
                say(f"  {row}")
    if device.type != "cuda":
        figures["note"] = "on a CPU nothing is recorded, and float32 is what it is fit for"
    return figures


def _whole(codec: HeartCodec, frames: int) -> dict[str, float]:
    size = (codec.config.quantisers, frames)
    codes = np.random.default_rng(0).integers(0, codec.config.codebook_size, size)
    took = []
    for seed in range(2):  # the first loads what libraries need
        start = perf_counter()
        sound = codec.decode(codes, torch.Generator().manual_seed(seed))
        took.append(perf_counter() - start)
    if not np.isfinite(sound).all():
        raise RuntimeError("the codec's sound is not finite")
    return {"first_s": round(took[0], 3), "s": round(took[1], 3), "rtf": _rtf(took[1], frames)}


def _windows(codec: HeartCodec, name: str, toy: bool) -> Iterator[dict[str, Any]]:
    record = recorder(codec.device)
    lane = CodecLane(codec.device)
    for context in (4,) if toy else CONTEXTS:
        for hop in HOPS:
            settings = StreamSettings(first=hop, context=context, hop=hop, steps=2 if toy else 10)
            codec.record_with(None)
            row: dict[str, Any] = {"type": name, "context": context, "hop": hop}
            row["eager_ms"] = round(measure_window(codec, settings, lane) * 1e3, 2)
            if record is not None:
                codec.record_with(record)
                seconds = measure_window(codec, settings, lane)
                row["graph_ms"] = round(seconds * 1e3, 2)
                row["recorded"] = codec.graphs.recordings
                row["graph_rtf"] = _rtf(seconds, hop)
            yield row


@contextmanager
def _narrow(tf32: bool) -> Iterator[None]:
    before = torch.backends.cuda.matmul.allow_tf32
    torch.backends.cuda.matmul.allow_tf32 = tf32
    try:
        yield
    finally:
        torch.backends.cuda.matmul.allow_tf32 = before


def _rtf(seconds: float, frames: int) -> float:
    return round(seconds / (frames * FRAME_S), 4)
