"""Draws what was found. Needs the extra ``plot``: matplotlib, imported only where it is used."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mula_bridge.errors import Unavailable

if TYPE_CHECKING:
    from matplotlib.axes import Axes


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
