"""``mula tags``: what the built-in model understands, and how to tag for HeartMuLa."""

from __future__ import annotations

import argparse
import textwrap
from collections.abc import Iterator, Sequence

from mula_daemon.engine.heartmula import CATEGORIES, GUIDE, advice
from mula_daemon.engine.mini import ENERGIES, GENRES, INSTRUMENTS, MOODS, WORDS

KINDS = {"genres": GENRES, "moods": MOODS, "energy": ENERGIES, "instruments": INSTRUMENTS}
WIDTH = 96


def main(argv: Sequence[str]) -> int:
    """Print the words of both models, or what the guide says of the tags given."""
    made = argparse.ArgumentParser(
        prog="mula tags",
        description="The words that the built-in model knows, and the guide to HeartMuLa's tags. "
        "With tags as arguments: what the guide says of them.",
    )
    made.add_argument("tags", nargs="*", metavar="TAG", help="tags for HeartMuLa to look at")
    made.add_argument("--engine", choices=("mini", "heartmula"), help="only this one's")
    parsed = made.parse_args(argv)
    if parsed.tags:
        tags = [part.strip() for tag in parsed.tags for part in tag.split(",") if part.strip()]
        print("\n".join(advice(tags)) or "the guide has nothing to add")
        return 0
    if parsed.engine != "heartmula":
        print("\n".join(mini_words()))
    if parsed.engine is None:
        print()
    if parsed.engine != "mini":
        print("\n".join(heartmula_guide()))
    return 0


def mini_words() -> Iterator[str]:
    """The words by kind, each with the other words that mean it."""
    yield "mini, the built-in model: one genre, and at most one tag of each other kind"
    for kind, tags in KINDS.items():
        yield f"{kind}:"
        for tag in tags:
            others = [word for word, meaning in WORDS.items() if meaning == tag]
            also = ", ".join(word for word in others if word != tag.replace("-", " "))
            yield f"  {tag:<16}" + (f" also {also}" if also else "")


def heartmula_guide() -> Iterator[str]:
    """The eight categories with their shares, and the advice."""
    yield "HeartMuLa: free text, in eight kinds (share of its training prompts that had one)"
    for row in CATEGORIES:
        words = textwrap.wrap(", ".join(row.words), WIDTH - 19)
        yield f"  {row.name:<11}{row.share:>3} %  {words[0]}"
        yield from (" " * 19 + line for line in words[1:])
    yield from textwrap.wrap(GUIDE, WIDTH)
