"""Live play against a clock: is every window there in time, and its sound that of its codes?

The engine plays as in the product: each burst begins when the ear is a lead away from its sound,
and knobs turn at every frame. The ear is a clock. Then the codes are decoded again, from the
beginning and with nothing beside it: a window that had read what nobody had written yet would
sound otherwise.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field
from time import perf_counter, sleep
from typing import Any, Final

import numpy as np
import torch

from mula_daemon.audio import Samples
from mula_daemon.bench.figures import spread
from mula_daemon.bench.gpu.plan import CardQuestions
from mula_daemon.bench.gpu.random_engine import RandomHeartMula
from mula_daemon.bench.gpu.run import say
from mula_daemon.engine import AudioBlock, ClipRequest, EngineInfo, Frame, FrameKnobs, Timing
from mula_daemon.engine.heartmula.codec import GeneratorNoise
from mula_daemon.engine.heartmula.model import StreamingDecoder, StreamSettings

AHEAD_S: Final = 0.06
"""What a sound card has before it: a window that comes less late than this is heard whole."""
SEED: Final = 7
AGAIN: Final = 200
"""Frames at most that are decoded again."""
BAR: Final = 1e-3
"""Largest relative L2 distance of sound that is the same."""
TOY_STREAM: Final = StreamSettings(
    first=8, context=4, hop=8, steps=1, named=("steps", "context", "hop")
)


@dataclass
class ClockedEar:
    """Hears sample 0 a lead after ``start``; waits for bursts, and notes what was made when."""

    info: EngineInfo
    seconds: float
    start: float = 0.0
    made: int = 0
    """Frames."""
    begins: int = 0
    """The frame that the burst begins with."""
    burst: int = 1
    delay_s: float = 0.0
    read: list[float] = field(default_factory=list)
    """When the knobs of each frame were."""
    changes: list[int] = field(default_factory=list)
    """Frames at which bursts of another length began."""

    def knobs(self) -> FrameKnobs:
        """Wait for the next frame's time; then others at every frame."""
        if not self.start:
            self.start, self.burst = perf_counter(), self.info.burst_frames
            self.delay_s = self.info.delay_seconds
        if self.made == self.begins + self.burst or self.made == 0:
            self.begins = self.made
        due = self.start + self.begins * self.info.frame_seconds
        sleep(max(0.0, due - perf_counter()))
        self.made += 1
        self.read.append(perf_counter())
        return FrameKnobs(cfg=1.0 + self.made % 4, temperature=0.8 + self.made % 3 / 10)

    def keep_to(self, timing: Timing) -> None:
        """Other bursts from the next one on, or another lead."""
        self.delay_s = max(self.delay_s, timing.delay_seconds)
        if timing.burst_frames != self.burst:
            self.burst = timing.burst_frames
            self.changes.append(self.made)
            self.begins = self.made - self.burst  # the next one begins a burst

    @property
    def over(self) -> bool:
        return bool(self.start) and perf_counter() > self.start + self.seconds

    def slack_s(self, sample: int, now: float) -> float:
        """How much earlier than needed ``sample`` came."""
        return self.start + self.delay_s + sample / self.info.sample_rate - now


def measure(asked: CardQuestions) -> dict[str, Any]:
    """Windows that were late, what a knob waits for, and whether the sound is that of the codes."""
    engine = RandomHeartMula(asked, stream=TOY_STREAM if asked.toy else None)
    engine.warm_up()
    if not engine.info.frame_seconds:
        return {"skipped": "this card has no room for the codec while frames are made"}
    say(f"  {' '.join(engine.info.notes)}")
    return _played(engine, ClockedEar(engine.info, asked.seconds))


def _played(engine: RandomHeartMula, ear: ClockedEar) -> dict[str, Any]:
    clip = ClipRequest("live", ("techno",), (SEED,), endless=True)
    rate, sounds = engine.info.sample_rate, list[Samples]()
    codes, slack, late, there = list[tuple[int, ...]](), list[float](), 0, 0
    notices: list[str] = []
    arrived: list[tuple[int, float]] = []  # samples that were there, and when
    with contextlib.closing(engine.items(clip, ear.knobs)) as items:
        for item in items:
            now = perf_counter()
            if isinstance(item, Frame):
                codes.append(item.codes[0])
            elif isinstance(item, Timing):
                ear.keep_to(item)
            elif isinstance(item, AudioBlock):
                slack.append(ear.slack_s(there, now))
                late += slack[-1] < -AHEAD_S
                there += len(item.samples)
                arrived.append((there, now))
                sounds.append(item.samples)
            elif item.code != "tags":
                notices.append(item.text)
            if ear.over:
                break
    made_ms = _made_ms(ear, arrived, rate)
    settings = engine.live_settings
    figures: dict[str, Any] = {
        "seconds": round(perf_counter() - ear.start, 1),
        "frames": len(codes),
        "windows": len(slack),
        "late_windows": late,
        "slack_ms": spread([s * 1e3 for s in slack], 1, 50) if slack else None,
        "burst_frames": ear.burst,
        "delay_ms": round(ear.delay_s * 1e3, 1),
        "knob_to_made_ms": spread(made_ms, 50, 95, 100) if made_ms else None,
        "knob_waits_ms": round(ear.burst * engine.info.frame_seconds * 500, 1),
        "hop_changes": ear.changes,
        "notices": notices,
        "notes": list(engine.info.notes),
    }
    if ear.changes or notices or not sounds:
        figures["codes_intact"] = "not compared: windows or steps have changed meanwhile"
        return figures
    distance = _decoded_again(engine, settings, np.array(codes[:AGAIN]).T, np.concatenate(sounds))
    figures |= {"codes_intact": distance <= BAR, "sound_rel_l2": float(f"{distance:.3g}")}
    if distance > BAR:
        figures["error"] = "what was heard is not the sound of the codes that were made"
    return figures


def _made_ms(ear: ClockedEar, arrived: list[tuple[int, float]], rate: int) -> list[float]:
    """From the reading of each frame's knobs until its sound is there."""
    found, pieces = [], iter(arrived)
    piece = next(pieces, None)
    for frame, read in enumerate(ear.read):
        end = (frame + 1) * ear.info.frame_seconds * rate
        while piece is not None and piece[0] < end:
            piece = next(pieces, None)
        if piece is None:
            break
        found.append((piece[1] - read) * 1e3)
    return found


def _decoded_again(
    engine: RandomHeartMula, settings: StreamSettings, codes: Any, heard: Samples
) -> float:
    """How far the sound of ``codes`` [Q, T], decoded anew, is from what was ``heard``."""
    noise = GeneratorNoise(torch.Generator().manual_seed(SEED))
    decoder = StreamingDecoder(engine.codec, [noise], settings, endless=True)
    fresh = decoder.push(codes[None])[0].numpy(force=True)
    length = min(len(fresh), len(heard))
    distance = np.linalg.norm(fresh[:length] - heard[:length]) / np.linalg.norm(fresh[:length])
    return float(distance) if np.isfinite(distance) else 1.0
