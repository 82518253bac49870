"""How much the grammars have to say: ``python -m mula_daemon.engine.mini.train.variety``.

Prints the different bars, and the different eight-bar pieces, among many pieces of each genre.
"""

from __future__ import annotations

import argparse
import random
import sys
from collections.abc import Mapping
from dataclasses import dataclass

from mula_daemon.engine.mini import tags, tokens
from mula_daemon.engine.mini.train.material import compose


@dataclass(frozen=True, slots=True)
class Variety:
    """Counts for one genre: eight-bar pieces composed, different ones, different bars in them."""

    pieces: int
    different_pieces: int
    different_bars: int


def variety(pieces: int, seed: int = 1) -> Mapping[str, Variety]:
    """Composes ``pieces`` pieces of eight bars, spread evenly over the genres."""
    rng = random.Random(seed)
    out = {}
    for number, genre in enumerate(tags.GENRES):
        count = pieces // len(tags.GENRES) + (number < pieces % len(tags.GENRES))
        whole: set[bytes] = set()
        bars: set[bytes] = set()
        for _ in range(count):
            codes = compose(genre, rng).codes
            whole.add(codes.tobytes())
            bars.update(bar.tobytes() for bar in codes.reshape(tokens.PHRASE_BARS, -1))
        out[genre] = Variety(count, len(whole), len(bars))
    return out


def main(argv: list[str] | None = None) -> int:
    """The command line; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="mula_daemon.engine.mini.train.variety", description=__doc__
    )
    parser.add_argument("--pieces", type=int, default=10_000)
    options = parser.parse_args(argv)
    for genre, found in variety(options.pieces).items():
        sys.stdout.write(
            f"{genre:14} {found.different_pieces} of {found.pieces} pieces differ, "
            f"{found.different_bars} different bars of {found.pieces * tokens.PHRASE_BARS}\n"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
