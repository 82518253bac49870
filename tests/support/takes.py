"""Takes, sounds and outcomes for tests of whatever is on the far side of the engine."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from mula_bridge.control.knobs import Knobs
from mula_daemon.audio.samples import Samples
from mula_daemon.clips.take import Finished, Take
from mula_daemon.engine.seam import ClipRequest, EngineInfo


def make_take(
    *,
    id: str = "abc123",  # noqa: A002
    tags: tuple[str, ...] = ("dark", "techno"),
    seed: int = 42,
    bpm: float = 240.0,
    bars: int = 1,
    beats_per_bar: int = 1,
    key: str = "Amin",
    rate: int = 48000,
    channels: int = 2,
    knobs: Knobs | None = None,
) -> Take:
    """A take of a quarter of a second, unless told otherwise."""
    request = ClipRequest("job1", tags, (seed,), bpm, bars, key, beats_per_bar)
    engine = EngineInfo("tone", "1", rate, channels, "cpu", {})
    return Take(id, 0, request, engine, dict(knobs or Knobs({"bpm": bpm, "bars": bars})))


def noise(samples: int, channels: int = 2, seed: int = 0) -> Samples:
    """Noise within -0.5..0.5, never zero, float32 [samples, channels]."""
    values = np.random.default_rng(seed).uniform(0.01, 0.5, (samples, channels))
    signs = np.random.default_rng(seed + 1).choice([-1.0, 1.0], (samples, channels))
    sound: Samples = (values * signs).astype(np.float32)
    return sound


def blocks(sound: Samples, size: int) -> Iterator[Samples]:
    """``sound`` in pieces of ``size`` frames, the last one shorter."""
    for start in range(0, len(sound), size):
        yield sound[start : start + size]


FINISHED = Finished(
    codes=((1, 2, 3), (4, 5, 6)),
    frame_initial={"cfg": 3.0, "temperature": 0.8, "top_k": 40, "morph": 0.0},
    changes=((1, "cfg", 3.5),),
)
