"""``mula tags``: what the built-in model understands."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from mula_daemon.engine.mini.tags import ENERGIES, GENRES, INSTRUMENTS, MOODS, WORDS

KINDS = {"genres": GENRES, "moods": MOODS, "energy": ENERGIES, "instruments": INSTRUMENTS}


def main(argv: Sequence[str]) -> int:
    """Print the tag words by kind, each with the other words that mean it."""
    argparse.ArgumentParser(
        prog="mula tags",
        description="List the tag words that the built-in model knows. One genre, and at most "
        "one tag of each other kind, steer best.",
    ).parse_args(argv)
    for kind, tags in KINDS.items():
        print(f"{kind}:")
        for tag in tags:
            others = [word for word, meaning in WORDS.items() if meaning == tag]
            also = ", ".join(word for word in others if word != tag.replace("-", " "))
            print(f"  {tag:<16}" + (f" also {also}" if also else ""))
    return 0
