"""What the codec takes at its true size: a whole clip, and windows of live play."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product
from time import perf_counter
from typing import Any, Final

import numpy as np
import torch

from mula_daemon.bench.gpu.plan import CardQuestions
from mula_daemon.bench.gpu.run import say
from mula_daemon.bench.random_codec import CODECS, random_codec
from mula_daemon.engine.heartmula.codec import Arithmetic, HeartCodec
from mula_daemon.engine.heartmula.model import CodecLane, StreamSettings, measure_window
from mula_daemon.engine.lm import recorder

FRAME_S: Final = 0.08
WHOLE: Final = 372
"""Frames of a full window: 29.76 s."""
HOPS: Final = (2, 4, 8)
CONTEXTS: Final = (52, 25)
LOADED: Final = (torch.float32, torch.bfloat16)
"""Types of the flow transformer that a memory plan may choose; convolutions are float32 always."""


def measure(asked: CardQuestions) -> dict[str, Any]:
    """A full decode by type; each window, loaded as float32, in each arithmetic that live play may
    choose: one kernel after another, and as a graph."""
    device = torch.device(asked.device)
    on_card = device.type == "cuda"
    figures: dict[str, Any] = {"whole": {}, "windows": []}
    for dtype in LOADED if on_card else LOADED[:1]:
        name = str(dtype).removeprefix("torch.")
        codec = random_codec(CODECS[asked.size], device, dtype)
        figures["whole"][name] = _whole(codec, 6 if asked.toy else WHOLE)
        say(f"  {name}, a whole clip: {figures['whole'][name]}")
        if dtype is torch.float32:
            for row in _windows(codec, tuple(Arithmetic) if on_card else (), asked.toy):
                figures["windows"].append(row)
                say(f"  {row}")
    if not on_card:
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


def _windows(codec: HeartCodec, flows: Sequence[Arithmetic], toy: bool) -> Iterator[dict[str, Any]]:
    record = recorder(codec.device)
    lane = CodecLane(codec.device)
    for flow, context, hop in product(
        flows or (Arithmetic.LOADED,), (4,) if toy else CONTEXTS, HOPS
    ):
        settings = StreamSettings(
            first=hop, context=context, hop=hop, steps=2 if toy else 10, flow=flow
        )
        codec.record_with(None)
        row: dict[str, Any] = {"flow": str(flow), "context": context, "hop": hop}
        row["eager_ms"] = round(measure_window(codec, settings, lane) * 1e3, 2)
        if record is not None:
            codec.record_with(record)
            seconds = measure_window(codec, settings, lane)
            row["graph_ms"] = round(seconds * 1e3, 2)
            row["recorded"] = codec.graphs.recordings
            row["graph_rtf"] = _rtf(seconds, hop)
        yield row


def _rtf(seconds: float, frames: int) -> float:
    return round(seconds / (frames * FRAME_S), 4)
