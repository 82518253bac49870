"""A clip from prompt to sound, by the engine that plays: language model and codec together."""

from __future__ import annotations

from dataclasses import replace
from time import perf_counter
from typing import Any, Final

from mula_daemon.bench.engine import measure as measure_clip
from mula_daemon.bench.gpu.plan import CardQuestions
from mula_daemon.bench.gpu.random_engine import RandomHeartMula
from mula_daemon.bench.gpu.run import say
from mula_daemon.engine import ClipRequest
from mula_daemon.engine.heartmula.model import StreamSettings

BARS: Final = 15
"""30 s at 120 BPM."""
TOY_STREAM: Final = StreamSettings(first=8, context=4, hop=4, steps=1, named=("steps", "context"))


def measure(asked: CardQuestions) -> dict[str, Any]:
    """RTFs of one clip and of four takes, after one that does not count, and the start's notes."""
    engine = RandomHeartMula(asked, stream=TOY_STREAM if asked.toy else None)
    began = perf_counter()
    engine.warm_up()
    figures: dict[str, Any] = {
        "warm_up_s": round(perf_counter() - began, 2),
        "notes": list(engine.info.notes),
    }
    bars = 1 if asked.toy else BARS
    for takes in (1,) if asked.toy else (1, 4):
        clip = ClipRequest("chain", ("techno",), tuple(range(takes)), bars=bars)
        warming = replace(clip, bars=1)
        for _ in engine.items(warming):  # what a first job pays for
            pass
        figures[f"takes_{takes}"] = measure_clip(engine, clip)
        say(f"  {takes}: {figures[f'takes_{takes}']}")
    return figures
