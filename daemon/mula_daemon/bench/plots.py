"""What benchmarks draw. Needs the extra ``plot``: matplotlib, imported only where it is used.

Run as a program, with ``--out FILE.png``, it draws a clip of the built-in model at cfg 1 above the
same seed at cfg 4.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import torch

from mula_bridge.errors import Unavailable
from mula_daemon.bench.clip_sampler import SamplerJob, SamplerSetting, play
from mula_daemon.bench.genre_classifier import train_classifier
from mula_daemon.bench.sound import looped
from mula_daemon.engine.mini import tags, tokens
from mula_daemon.engine.mini.synth import SAMPLE_RATE

if TYPE_CHECKING:
    from matplotlib.axes import Axes


_CFGS: Final = (1.0, 4.0)
_WINDOW: Final = 2048


def require() -> None:
    """Raises Unavailable, with the remedy, where matplotlib is missing."""
    try:
        import matplotlib  # noqa: F401
    except ImportError as missing:
        raise Unavailable("drawing needs matplotlib: pip install 'mulabridge[plot]'") from missing


def draw(found: Mapping[str, Any], path: Path) -> None:
    """Six panels as a PNG at ``path``, from the benchmark's JSON line."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 11), layout="constrained")
    (guidance, genres), (heat, width), forms = figure.subplots(3, 2)
    line(guidance, found["adherence"], "guidance")
    stretched = {4 * float(at): share for at, share in found["genre_strength"].items()}
    line(guidance, stretched, "genre strength, 0 to 1 over the whole width")
    guidance.set(title="In the asked genre", xlabel="cfg", ylabel="share of two-bar windows")
    guidance.set_ylim(0, 1.03)
    guidance.legend(loc="lower right")
    at_3 = found["per_genre_at_3"]
    names = sorted(at_3, key=lambda name: at_3[name])
    genres.barh(names, [at_3[name] for name in names])
    genres.axvline(0.75, color="grey", linestyle="--", linewidth=1)
    genres.set(title="In the asked genre at cfg 3", xlim=(0, 1))
    line(heat, found["entropy_by_temperature"])
    heat.set(title="Entropy", xlabel="temperature", ylabel="bits per code")
    heat.set_ylim(bottom=0)
    line(width, found["codes_by_top_k"])
    width.set(title="Different codes used", xlabel="top-k", ylabel="codes")
    width.set_ylim(bottom=0)
    for axes, (who, matrix) in zip(forms, found["bar_similarity"].items(), strict=True):
        shade = axes.imshow(matrix, vmin=0, vmax=1, extent=(0.5, 8.5, 8.5, 0.5))
        axes.set(title=f"How alike the bars of a clip are: {who}", xlabel="bar", ylabel="bar")
        figure.colorbar(shade, ax=axes)
    figure.suptitle(
        f"mini: {found['clips']} clips per genre and setting, heard by a classifier that is "
        f"right on {found['classifier_accuracy']:.1%} of unseen grammar material"
    )
    figure.savefig(path, dpi=110)


def line(axes: Axes, points: Mapping[Any, float], label: str = "") -> None:
    """One curve through ``points`` by knob value."""
    axes.plot([float(at) for at in points], list(points.values()), "o-", label=label)


def draw_spectrograms(asked: str, seed: int, bpm: float, key: str, path: Path) -> None:
    """Writes a PNG of the canonical tag ``asked``: one seed at two guidances.

    Every two bars carry the genre that the benchmark's classifier hears in them. Raises Unavailable
    without matplotlib.
    """
    require()
    from matplotlib.figure import Figure

    ear = train_classifier()
    figure = Figure(figsize=(12, 7), layout="constrained")
    rows = figure.subplots(len(_CFGS), 1, sharex=True)
    bar = tokens.STEPS_PER_BAR * 15 / bpm
    for axes, cfg in zip(rows, _CFGS, strict=True):
        codes = play([SamplerJob((asked,), (seed,), SamplerSetting(cfg))])[0]
        sound = looped(codes[0], bpm, key, seed).mean(1)
        axes.specgram(
            sound + 1e-7, NFFT=_WINDOW, Fs=SAMPLE_RATE, noverlap=_WINDOW // 2, vmin=-130, vmax=-40
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
    parser = argparse.ArgumentParser(prog="mula_daemon.bench.plots", description=__doc__)
    parser.add_argument("--genre", choices=tags.GENRES, default="techno")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--bpm", type=float, default=120.0)
    parser.add_argument("--key", default="Amin")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args(argv)
    torch.set_num_threads(1)
    draw_spectrograms(options.genre, options.seed, options.bpm, options.key, options.out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
