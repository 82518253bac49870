"""``mula bench gpu``: everything that only a card can show, in one command without weights."""

from __future__ import annotations

from collections.abc import Sequence


def main(argv: Sequence[str]) -> int:
    """Hand over to ``run``: late, because each section is a program of this package."""
    from mula_daemon.bench.gpu import run

    return run.main(argv)
