"""``mula bench soak``: the daemon at work while everything around it fails."""

from __future__ import annotations

from collections.abc import Sequence


def main(argv: Sequence[str]) -> int:
    """Hand over to ``run``: late, because the launcher and the controller are programs of this
    package, which are to start with next to nothing."""
    from mula_daemon.bench.soak import run

    return run.main(argv)
