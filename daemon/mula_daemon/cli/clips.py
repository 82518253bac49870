"""``mula clips``: what is in the folder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from mula_daemon.cli.options import config_of, parser
from mula_daemon.clips import Library, default_folder


def main(argv: Sequence[str]) -> int:
    """One line per clip, oldest first."""
    config = config_of(
        parser("clips", "List the clips in the folder, oldest first.", ("folder",)).parse_args(argv)
    )
    library = Library(Path(config.folder).expanduser() if config.folder else default_folder())
    clips = library.clips()
    for clip in clips:
        recipe = clip.recipe
        loudness = f"{recipe.loudness_lufs:6.1f}" if recipe.loudness_lufs is not None else "   -  "
        print(
            f"{recipe.id}  {recipe.bars:>2} bars  {recipe.bpm:6.2f} BPM  {recipe.key:<5} "
            f"{loudness} LUFS  seed {recipe.seed:<10} {', '.join(recipe.tags) or '-'}"
        )
    if not clips:
        print(f"no clips in {library.folder}")
    return 0
