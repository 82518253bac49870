"""``mula bench sound``: whether mini's clips are what a DAW needs, measured on many of them.

Samples clips of every genre at random tempos and keys, makes loops of them as the folder
does, and measures each: its length against its bars, its notes against its key, the step
over its seam against the steps inside, its loudness and its true peak, and whether its stems,
rounded to 24 bits, give the mix again when they go through the bus.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from time import process_time
from typing import Any, Final

import numpy as np

from mula_bridge.control import BEATS_PER_BAR, KEYS
from mula_daemon.audio import Samples, loudness_lufs, to_dbfs
from mula_daemon.bench.figures import print_json
from mula_daemon.engine import AudioBlock, ClipRequest, Engine, Frame, FrameKnobs
from mula_daemon.engine.lm import Codes
from mula_daemon.engine.mini import tags, tokens
from mula_daemon.engine.mini.model import MiniEngine
from mula_daemon.engine.mini.notes import DRUM_CHANNEL, SCALES, parse_key, score
from mula_daemon.engine.mini.synth import SAMPLE_RATE, Bus, ClipRenderer, Synthesiser

SLOWEST, FASTEST = 60, 200
"""BPM; every other tempo that is drawn is whole, the rest have decimals."""
OVERSAMPLING: Final = 4
"""As ITU-R BS.1770-4, annex 2, asks for at 48 kHz."""
_LSB: Final = 2.0**-23
_TEMPOS: Final = (60.0, 83.7, 97.3, 120.0, 128.0, 141.4, 174.0, 200.0)
_KEYS: Final = ("Cmaj", "Amin", "F#min", "Ebmaj")


@dataclass
class Made:
    """One take, put together: the loop [n, 2], its stream, and stems where they were kept."""

    codes: list[tuple[int, ...]] = field(default_factory=list)
    blocks: list[Samples] = field(default_factory=list)
    stems: list[Samples] = field(default_factory=list)
    seam: list[AudioBlock] = field(default_factory=list)

    def loop(self) -> Samples:
        """What lands in the folder."""
        sound = np.concatenate(self.blocks)
        for block in self.seam:
            assert block.at is not None
            sound[block.at : block.at + len(block.samples)] = block.samples
        return sound


@dataclass(frozen=True)
class MeasuredClip:
    """What one clip measures."""

    genre: str
    exact: bool
    in_key: bool
    seam: float
    """The step over the seam, in 99.9th percentiles of the clip's own steps; 1 at most."""
    lufs: float
    dbtp: float


def main(argv: Sequence[str]) -> int:
    """Measure and print one JSON line; exit status 1 when a clip is not what it must be."""
    made = argparse.ArgumentParser(prog="mula bench sound", description=__doc__)
    made.add_argument("--clips", type=int, default=200)
    made.add_argument("--bars", type=int, default=8)
    made.add_argument("--takes", type=int, default=8, help="clips sampled at once")
    made.add_argument("--cfg", type=float, default=3.0)
    made.add_argument("--seed", type=int, default=0)
    parsed = made.parse_args(argv)
    engine = MiniEngine(stems=True)
    engine.warm_up()
    clips: list[MeasuredClip] = []
    stems_error = 0.0
    computing = audio = 0.0
    for request in requests(parsed.clips, parsed.bars, parsed.takes, parsed.seed):
        start = process_time()
        takes = perform(engine, request, parsed.cfg)
        computing += process_time() - start
        rate = engine.info.sample_rate
        for take in takes:
            clips.append(measured(take, request, rate))
            audio += request.samples(rate) / rate
        stems_error = max(stems_error, error_of_stems(takes[0], rate))
        print(f"{len(clips)}/{parsed.clips} {request.tags[0]}", flush=True)
    figures = summary(clips)
    print_json(
        bench="sound",
        bars=parsed.bars,
        cfg=parsed.cfg,
        **figures,
        stems_error=float(f"{stems_error:.1e}"),
        takes=parsed.takes,
        processor_s_per_audio_s=round(computing / audio, 4),
    )
    right = figures["exact"] == figures["in_key"] == figures["seamless"] == len(clips)
    return 0 if right else 1


def requests(clips: int, bars: int, takes: int, seed: int) -> Iterator[ClipRequest]:
    """``clips`` in batches, one genre after another, at random tempos and keys."""
    chance = random.Random(seed)
    for first in range(0, clips, takes):
        tempo = chance.uniform(SLOWEST, FASTEST)
        number = first // takes
        yield ClipRequest(
            f"sound-{number}",
            (tags.GENRES[number % len(tags.GENRES)],),
            tuple(seed + first + take for take in range(min(takes, clips - first))),
            bpm=float(round(tempo)) if number % 2 else round(tempo, 2),
            bars=bars,
            key=chance.choice(KEYS),
        )


def perform(engine: Engine, request: ClipRequest, cfg: float) -> list[Made]:
    """Every take of a request; stems of the first one only, for they are large."""
    takes = [Made() for _ in request.seeds]
    for item in engine.generate(request, lambda: FrameKnobs(cfg=cfg)):
        if isinstance(item, Frame):
            for made, codes in zip(takes, item.codes, strict=True):
                made.codes.append(codes)
        elif isinstance(item, AudioBlock):
            made = takes[item.take]
            if item.at is not None:
                made.seam.append(item)
                continue
            made.blocks.append(item.samples)
            if item.stems is not None and item.take == 0:
                made.stems.append(item.stems)
    return takes


def measured(made: Made, request: ClipRequest, rate: int) -> MeasuredClip:
    """Measure one take as it lands in the folder."""
    sound = made.loop()
    steps = np.percentile(np.abs(np.diff(sound, axis=0)), 99.9, axis=0)
    seam = np.abs(sound[0] - sound[-1]) / np.maximum(steps, _LSB)
    return MeasuredClip(
        genre=request.tags[0],
        exact=len(sound) == request.samples(rate) and len(made.codes) == request.bars * 16,
        in_key=in_key(made.codes, request.key),
        seam=float(seam.max()),
        lufs=loudness_lufs(sound, rate) or -120.0,
        dbtp=to_dbfs(true_peak(sound)) or -120.0,
    )


def in_key(codes: Sequence[Sequence[int]], key: str) -> bool:
    """Whether every pitched note is of the scale."""
    tonality = parse_key(key)
    scale = {(tonality.tonic + step) % 12 for step in SCALES[tonality.mode]}
    pitched = (track for track in score(codes, key) if track.channel != DRUM_CHANNEL)
    return all(note.key % 12 in scale for track in pitched for note in track.notes)


def true_peak(sound: Samples) -> float:
    """The greatest value between samples too, linear, of a loop [n, 2]."""
    from scipy.signal import resample_poly

    peak = 0.0
    for channel in sound.T:
        # A loop is heard round its seam, so the filter looks round it too.
        wrapped = np.concatenate([channel[-32:], channel, channel[:32]])
        peak = max(peak, float(np.abs(resample_poly(wrapped, OVERSAMPLING, 1)).max()))
    return peak


def error_of_stems(made: Made, rate: int) -> float:
    """How far the stems' sum, at 24 bits and through the bus, is from what was streamed."""
    bus = Bus(rate)
    worst = 0.0
    for stems, heard in zip(made.stems[:-1], made.blocks[:-1], strict=True):
        rounded = np.round(stems / _LSB) * _LSB
        mix = bus.render(np.ascontiguousarray(rounded.sum(axis=0).T, np.float32)).T
        worst = max(worst, float(np.abs(mix - heard).max()))
    return worst


def summary(clips: Sequence[MeasuredClip]) -> dict[str, Any]:
    """The figures over all clips."""
    lufs = np.array([clip.lufs for clip in clips])
    by_genre: dict[str, list[float]] = {}
    for clip in clips:
        by_genre.setdefault(clip.genre, []).append(clip.lufs)
    return {
        "clips": len(clips),
        "exact": sum(clip.exact for clip in clips),
        "in_key": sum(clip.in_key for clip in clips),
        "seamless": sum(clip.seam <= 1.0 for clip in clips),
        "worst_seam": round(max(clip.seam for clip in clips), 3),
        "lufs": {
            "mean": round(float(lufs.mean()), 2),
            "p5": round(float(np.percentile(lufs, 5)), 2),
            "p95": round(float(np.percentile(lufs, 95)), 2),
            "min": round(float(lufs.min()), 2),
            "max": round(float(lufs.max()), 2),
        },
        "lufs_by_genre": {name: round(float(np.mean(of)), 1) for name, of in by_genre.items()},
        "dbtp_max": round(max(clip.dbtp for clip in clips), 2),
    }


def looped(codes: Codes, bpm: float, key: str, seed: int) -> Samples:
    """Codes [S, 8] as the sound of a clip file, float32 [n, 2]: its tail rings in its head."""
    renderer = ClipRenderer(Synthesiser(bpm, key, seed, SAMPLE_RATE), len(codes))
    sound = np.concatenate([renderer.render(row).mix for row in codes.tolist()])
    for patch in renderer.seam():
        sound[patch.at : patch.at + len(patch.mix)] = patch.mix
    return sound


def click(sound: Samples) -> float:
    """The step from the last sample to the first, as a part of the 99.9th percentile of the steps
    between samples of the same clip; up to 1 it is a step like any other."""
    steps = np.abs(np.diff(sound, axis=0)).max(axis=1)
    seam = np.abs(sound[0] - sound[-1]).max()
    return float(seam / max(np.percentile(steps, 99.9), 1e-9))


def measure_loops(clips: Sequence[Codes]) -> tuple[float, float]:
    """Renders each of ``clips`` [S, 8] at another tempo, key and seed: the share of those that are
    as long as their bars, to the sample, and the greatest `click`."""
    exact, clicks = [], []
    for number, codes in enumerate(clips):
        bpm = _TEMPOS[number % len(_TEMPOS)]
        sound = looped(codes, bpm, _KEYS[number % len(_KEYS)], number)
        bars = len(codes) / tokens.STEPS_PER_BAR
        exact.append(len(sound) == round(bars * BEATS_PER_BAR * 60 / bpm * SAMPLE_RATE))
        clicks.append(click(sound))
    return float(np.mean(exact)), max(clicks)
