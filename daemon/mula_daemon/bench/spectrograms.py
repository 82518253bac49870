"""One seed at two guidances, drawn: ``python -m mula_daemon.bench.spectrograms --out FILE.png``.

The spectrogram of a clip of the built-in model at cfg 1 stands above that of the same seed at
cfg 4; every two bars carry the genre that the benchmark's classifier hears in them.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import torch

from mula_daemon.bench import plots
from mula_daemon.bench.clip_sampler import SamplerJob, SamplerSetting, play
from mula_daemon.bench.genre_classifier import train_classifier
from mula_daemon.bench.loops import looped
from mula_daemon.engine.mini import tags, tokens
from mula_daemon.engine.mini.synth import SAMPLE_RATE

CFGS: Final = (1.0, 4.0)
WINDOW: Final = 2048


def draw(asked: str, seed: int, bpm: float, key: str, path: Path) -> None:
    """Writes the PNG of the canonical tag ``asked``. Raises Unavailable without matplotlib."""
    plots.require()
    from matplotlib.figure import Figure

    ear = train_classifier()
    figure = Figure(figsize=(12, 7), layout="constrained")
    rows = figure.subplots(len(CFGS), 1, sharex=True)
    bar = tokens.STEPS_PER_BAR * 15 / bpm
    for axes, cfg in zip(rows, CFGS, strict=True):
        codes = play([SamplerJob((asked,), (seed,), SamplerSetting(cfg))])[0]
        sound = looped(codes[0], bpm, key, seed).mean(1)
        axes.specgram(
            sound + 1e-7, NFFT=WINDOW, Fs=SAMPLE_RATE, noverlap=WINDOW // 2, vmin=-130, vmax=-40
        )
        axes.set_yscale("symlog", linthresh=200)
        axes.set(
            xlim=(0, len(sound) / SAMPLE_RATE),
            ylim=(30, 18_000),
            ylabel="Hz",
            title=f"{asked}, seed {seed}, cfg {cfg:g}",
        )
        for number, genre in enumerate(ear.genres(codes)[0]):
            at = (2 * number + 1) * bar
            axes.axvline(2 * number * bar, color="white", linewidth=0.6)
            axes.text(at, 12_000, tags.GENRES[genre], color="white", ha="center", va="top")
    rows[-1].set(xlabel="s")
    figure.savefig(path, dpi=70)


def main(argv: Sequence[str] | None = None) -> int:
    """The command line; returns the exit status."""
    parser = argparse.ArgumentParser(prog="mula_daemon.bench.spectrograms", description=__doc__)
    parser.add_argument("--genre", choices=tags.GENRES, default="techno")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--bpm", type=float, default=120.0)
    parser.add_argument("--key", default="Amin")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args(argv)
    torch.set_num_threads(1)
    draw(options.genre, options.seed, options.bpm, options.key, options.out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
